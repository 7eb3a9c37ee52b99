import { requireFunction, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { enableGrad, offload, tidy } from '../tensor/context.ts'
import { functions } from '../tensor/methods.ts'
import { backward, isTensor, requireTensor, type Tensor } from '../tensor/tensor.ts'
import { type Place, type PlacedTrace, padded, traceRun } from './run.ts'

/** A model to inspect: any module that contains a recurrent network. */
export type Model<Output> = Module & { forward(input: Tensor): Output }

/** How much a loss depends on the states of one layer and direction. */
export interface GradientFlow extends Place {
  /** ‖∂loss/∂h(t)‖ for each step t of the input. */
  hidden: number[]
  /** ‖∂loss/∂c(t)‖ for each step t of the input; only for an LSTM. */
  cell?: number[]
}

/**
 * Runs the model, the loss and the backward pass to the probes: zeros added to the states, whose gradients equal the
 * states'.
 */
function run<Output>(model: Model<Output>, input: Tensor, loss: (output: Output) => Tensor): readonly PlacedTrace[] {
  requireTensor('gradientFlow', 'input', input)
  requireFunction('gradientFlow', 'loss', loss)
  return enableGrad(() => {
    const { output, traces } = traceRun('gradientFlow', 'probes', model, () => model.forward(input))
    const value = loss(output)
    if (!isTensor(value)) {
      throw torchError('ERR_TORCH_TYPE', `gradientFlow: loss must return a Tensor, got ${describe(value)}`, {
        op: 'gradientFlow',
      })
    }
    backward([value], [], { inputs: traces.flatMap(({ tensors }) => tensors) })
    return traces
  })
}

/** The norm of each step's gradient, taken as one vector over the whole batch. */
function norms({ place, tensors, packed }: PlacedTrace): GradientFlow {
  const [hidden = [], cell] = tensors.map((probe) => {
    // A probe that the loss does not depend on has no gradient.
    const gradient = padded(probe.grad ?? probe, packed).to('float64')
    return functions.linalg.vectorNorm(gradient, { dim: [1, 2] }).toArray() as number[]
  })
  return { ...place, hidden, ...(cell === undefined ? {} : { cell }) }
}

/**
 * How the gradient of a loss changes on its way back through time: the norm of ∂loss/∂h(t) at each step t, for every
 * layer and direction of every recurrent network in the model. It is the total derivative: it includes the effect of
 * h(t) on the output of its own step and, through the recurrence, on all later steps. For an LSTM it also returns the
 * norm for c(t), which acts through h(t) and directly on c(t+1), the path along which gradients persist. ∂loss/∂h(t)
 * does not include that path.
 *
 * Norms that fall towards the first steps show a vanishing gradient; norms that rise, an exploding one. In float32,
 * values below 1e-45 underflow to 0: use a model and an input in float64 to see how far they fall.
 *
 * Gradients of parameters do not change. The networks run step by step here, even if there are faster kernels.
 *
 * @param model a recurrent network, such as an LSTM, or a model that contains some
 * @param input the input of the model's forward: (L, N, I), or (N, L, I) with batchFirst, or (L, I) without a batch
 * @param loss maps the result of forward (for RNN, LSTM and GRU: output and state) to one number
 * @returns one flow for each layer and direction, in the order in which they ran
 * @throws {TorchError} (rejects) if no recurrent network runs, or the loss depends on none of the states.
 * @example
 * const [flow] = await gradientFlow(model, x, (output) => output.index(-1).pow(2).sum())
 * console.log(flow.hidden)
 * @see Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
 *   Transactions on Neural Networks 5(2), 1994; Pascanu, Mikolov and Bengio, arXiv:1211.5063, 2012
 */
export async function gradientFlow<Output>(
  model: Model<Output>,
  input: Tensor,
  loss: (output: Output) => Tensor,
  ...none: undefined[]
): Promise<GradientFlow[]> {
  requireNone('gradientFlow', none)
  return tidy(async () => {
    const traces = await offload(() => run(model, input, loss))
    return traces.map(norms)
  })
}

/** {@link gradientFlow} on this thread, which blocks. */
export function gradientFlowSync<Output>(
  model: Model<Output>,
  input: Tensor,
  loss: (output: Output) => Tensor,
  ...none: undefined[]
): GradientFlow[] {
  requireNone('gradientFlowSync', none)
  return tidy(() => run(model, input, loss).map(norms))
}
