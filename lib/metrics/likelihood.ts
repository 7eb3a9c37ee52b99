import { softplus } from '../nn/functional/index.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, ClassificationMetric } from './classification.ts'
import type { MetricState } from './state.ts'

/** The base class of metrics of the probabilities that a model gives to the targets. */
export abstract class LikelihoodMetric extends ClassificationMetric {
  override readonly higherIsBetter = false
  protected override readonly stateFields = ['sum', 'count', 'invalid']

  protected override tally(classes: Classes): MetricState {
    return { sum: classes.batch.sum(this.#surprise(classes)), count: classes.batch.count() }
  }

  /** -ln p of each target. */
  #surprise({ batch, binary, target }: Classes): Tensor {
    const { output } = batch
    if (binary) {
      const isOne = target.eq(1)
      if (this.outputs === 'probs') return functions.where(isOne, output, functions.sub(1, output)).log().neg()
      return softplus(functions.where(isOne, output.neg(), output))
    }
    const found = output.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    return this.outputs === 'probs' ? found.log().neg() : output.logsumexp(-1).sub(found)
  }

  /** The mean of -ln p, in nats. */
  protected override result({ sum, count }: MetricState<'sum' | 'count'>): Tensor {
    return sum.div(count)
  }
}
