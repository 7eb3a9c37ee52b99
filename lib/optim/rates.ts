import { dispose } from '../dispose.ts'
import { atOnce, noGrad } from '../tensor/context.ts'
import { full } from '../tensor/creation.ts'
import { keep, type Tensor } from '../tensor/tensor.ts'
import { checkGroups, type Optimizer } from './optimizer.ts'

/**
 * The learning rates of an optimizer's groups as tensors on the devices of the parameters. A CUDA graph reads
 * numbers when it is captured, but tensors at each replay.
 */
export class LearningRates implements Disposable {
  readonly #optimizer: Optimizer<{ lr: number }>
  #rates: { value: number; tensor: Tensor }[] = []

  constructor(optimizer: Optimizer<{ lr: number }>) {
    this.#optimizer = optimizer
  }

  /** The rate of each group as of the last {@link refresh}. */
  get tensors(): Tensor[] {
    return this.#rates.map(({ tensor }) => tensor)
  }

  /** Updates the tensors to the groups' `lr`; within an `offload`, for the operations queued after it. */
  refresh(): Tensor[] {
    // A replay calls no step, which would check them.
    checkGroups(this.#optimizer)
    this.#optimizer.paramGroups.forEach(({ lr, params: [param] }, index) => {
      const rate = this.#rates[index]
      if (rate?.value === lr) return
      noGrad(() => {
        if (rate !== undefined) {
          rate.tensor.fill_(lr)
          rate.value = lr
          return
        }
        const device = param?.device ?? 'cpu'
        // The dtypes that LibTorch's kernels read: float64 on the CPU, where reading does not wait, and float32 on
        // CUDA.
        const dtype = device === 'cpu' ? 'float64' : 'float32'
        this.#rates[index] = { value: lr, tensor: atOnce(() => keep(full([], lr, { dtype, device }))) }
      })
    })
    return this.tensors
  }

  dispose(): void {
    for (const { tensor } of this.#rates) tensor.dispose()
    this.#rates = []
  }

  [dispose](): void {
    this.dispose()
  }
}
