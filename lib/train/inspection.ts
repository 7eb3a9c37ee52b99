import type { BatchPlan } from '../data/loader.ts'
import { messageOf, torchError } from '../errors.ts'
import { offload } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { keep, type Tensor } from '../tensor/tensor.ts'
import type { Pass } from './pass.ts'
import type { RunnerOptions } from './runner.ts'

/** How often to check whether all losses on a GPU were finite. */
const INSPECTION_INTERVAL_MS = 1000

/** A step whose loss is not finite. */
interface Suspect {
  step: number
  value: string
  plan: BatchPlan | undefined
  /** Whether the weights have changed since. */
  late: boolean
}

/** Looks whether the losses of a pass are finite, and says where one that is not comes from. */
export class Inspection {
  readonly #options: Pick<RunnerOptions, 'nonFinite' | 'cause'>
  // The sum of the losses, on the device of the steps.
  readonly #total: Tensor
  // The number of steps of a pass until a non-finite loss, or until a non-finite sum of losses in JavaScript's
  // precision.
  readonly #finite: Tensor | undefined
  readonly #seen: Float64Array | undefined
  #warned = false

  constructor(total: Tensor, options: Pick<RunnerOptions, 'device' | 'nonFinite' | 'exact' | 'cause'>) {
    const { device, nonFinite, exact } = options
    this.#options = options
    this.#total = total
    if (!exact && nonFinite !== 'ignore') this.#finite = keep(zeros([], { dtype: 'float64', device }))
    if (exact && nonFinite === 'warn') this.#seen = total.toTypedArray({ copy: false }) as Float64Array
  }

  /** Whether it reads the sum between two steps. */
  get isBetween(): boolean {
    return this.#seen !== undefined
  }

  /** At the start of a pass; what it does is queued. */
  begin(): void {
    this.#finite?.zero_()
  }

  /** After a loss has been added to the sum; what it does is queued. */
  add(): void {
    this.#finite?.add_(this.#total.isfinite())
  }

  /** Checks after a step whether the losses so far were finite, without waiting for a GPU. */
  async look(plan: BatchPlan, pass: Pass, step: number, own: boolean): Promise<void> {
    const [seen] = this.#seen ?? []
    if (seen !== undefined && !this.#warned && !Number.isFinite(seen)) {
      this.#warn(await this.sentence(pass, { step, value: String(seen), plan, late: true }))
    }
    if (this.#finite === undefined || this.#warned) return
    if (own) pass.recent.push({ step, plan })
    if (performance.now() - pass.inspected > INSPECTION_INTERVAL_MS) await this.inspect(pass)
  }

  /** Reads the sum of the losses, on the lane, which waits for the device. */
  async inspect(pass: Pass): Promise<number> {
    const total = await read(this.#total)
    if (this.#finite !== undefined && !this.#warned && !Number.isFinite(total)) {
      const step = (await read(this.#finite)) + 1
      const plan = pass.recent.find((one) => one.step === step)?.plan
      const sentence = await this.sentence(pass, { step, value: 'not finite', plan, late: true })
      if (this.#options.nonFinite === 'throw') throw torchError('ERR_TORCH_NON_FINITE', sentence)
      this.#warn(sentence)
    }
    pass.recent = []
    pass.inspected = performance.now()
    return total
  }

  /** Which step it was, and the cause if its batch can be made again. */
  async sentence(pass: Pass, { step, value, plan, late }: Suspect): Promise<string> {
    const of = pass.steps === undefined ? '' : ` of ${pass.steps}`
    const sentence = `Trainer: ${pass.name}, step ${step}${of}: the loss is ${value}.`
    if (plan === undefined) return sentence
    // A failure of the model or the data here must not hide the original problem.
    const cause = await this.#options
      .cause(plan, late)
      .catch((error: unknown) => `Looking for the cause failed: ${messageOf(error)}`)
    return `${sentence} ${cause}`
  }

  #warn(sentence: string): void {
    this.#warned = true
    process.emitWarning(sentence, { code: 'TORCH_NON_FINITE' })
  }

  dispose(): void {
    this.#finite?.dispose()
  }
}

/** The value of a tensor that no queued operation changes but those before; on the lane, which waits for the device. */
export async function read(tensor: Tensor): Promise<number> {
  const there = await offload(() => tensor.to({ device: 'cpu', copy: true }))
  const value = there.item<number>()
  there.dispose()
  return value
}
