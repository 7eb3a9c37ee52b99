import { inspect } from 'node:util'
import { checkOptions, requireSignal } from '../check.ts'
import { MASE } from '../metrics/mase.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { sizeOf } from '../tensor/wording.ts'
import { measure } from './measurement.ts'
import { MemoryMeter } from './memory-meter.ts'
import { resultName } from './resolved-options.ts'
import type { Source, TrainingData } from './source.ts'
import { Batches, onCpu, type TrialParts, taken, trial } from './trial.ts'
import { fitScales, inUnits, updateOptions } from './units.ts'

export interface DryRunOptions {
  /** Held-out data, as for `fit`. Default: the validation step is made with a batch of the training data. */
  validation?: TrainingData
  /** Ends the dry run between two steps: it rejects, and everything is as before. */
  signal?: AbortSignal
}

/** What a step of training takes. Printed, it is a table. */
export class DryRun {
  /** Where the model is. */
  readonly device: Device
  /** The shapes of the tensors of the first batch, by name; those of a list have a number: `state.0`. */
  readonly batch: Record<string, number[]>
  /** The shape of the model's output for the batch that was validated. */
  readonly output: number[]
  /** The number of parameters, of those that the optimizer trains, and the bytes of all. */
  readonly parameters: { count: number; trained: number; bytes: number }
  /**
   * The bytes that the first step needed at its peak besides what was there before: activations, gradients, and the
   * optimizer's state if there was none. On the CPU, the growth of the process's resident memory, with all that is
   * loaded at a first use.
   */
  readonly bytes: number
  /** The loss of the first step. */
  readonly trainLoss: number
  readonly validationLoss: number
  /** The values of the trainer's metrics for the batch that was validated, by their names in the results of an epoch. */
  readonly metrics: Record<string, unknown>
  /** The seconds of a step: the median of up to 10 after the first, which prepares what all use. */
  readonly stepSeconds: number
  /** The number of steps in an epoch; `undefined` for an iterable. */
  readonly steps: number | undefined
  /** The estimated seconds of an epoch with its validation; `undefined` if the data is an iterable. */
  readonly epochSeconds: number | undefined

  constructor(result: Omit<DryRun, 'toString' | typeof inspect.custom>) {
    this.device = result.device
    this.batch = result.batch
    this.output = result.output
    this.parameters = result.parameters
    this.bytes = result.bytes
    this.trainLoss = result.trainLoss
    this.validationLoss = result.validationLoss
    this.metrics = result.metrics
    this.stepSeconds = result.stepSeconds
    this.steps = result.steps
    this.epochSeconds = result.epochSeconds
  }

  /** A table for people. */
  toString(): string {
    const { count, trained, bytes } = this.parameters
    const few = trained === count ? '' : `, ${trained.toLocaleString('en')} of them trained`
    const { steps, epochSeconds } = this
    const of = steps === undefined ? '' : `, ${steps.toLocaleString('en')} in an epoch`
    const rows: [string, string][] = [
      ['device', this.device],
      ...Object.entries(this.batch).map(([name, shape]): [string, string] => [name, shapeOf(shape)]),
      ['output', shapeOf(this.output)],
      ['parameters', `${count.toLocaleString('en')} (${sizeOf(bytes)})${few}`],
      ['memory', `${sizeOf(this.bytes)} more in a step`],
      ['trainLoss', digits(this.trainLoss)],
      ['validationLoss', digits(this.validationLoss)],
      ...Object.entries(this.metrics).map(([name, value]): [string, string] => [
        name,
        typeof value === 'number' ? digits(value) : inspect(value),
      ]),
      ['step', `${durationOf(this.stepSeconds)}${of}`],
      ['epoch', epochSeconds === undefined ? 'of unknown length' : `about ${durationOf(epochSeconds)}`],
    ]
    const width = Math.max(...rows.map(([name]) => name.length))
    return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n')
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

const shapeOf = (shape: readonly number[]): string => `(${shape.join(', ')})`
const digits = (value: number): string => String(Number(value.toPrecision(4)))

/** Seconds, for people. */
function durationOf(seconds: number): string {
  if (seconds < 1) return `${digits(seconds * 1000)} ms`
  if (seconds < 120) return `${digits(seconds)} s`
  return seconds < 7200 ? `${digits(seconds / 60)} min` : `${digits(seconds / 3600)} h`
}

const OWNER = 'dryRun'
const MOST_TIMES = 10
const MOST_MS = 500

export function checkDryRun(options: DryRunOptions): void {
  checkOptions(OWNER, options, ['validation', 'signal'])
  requireSignal(OWNER, options.signal)
}

/** The dry run of a trainer: see `Trainer.dryRun`. */
export async function dryRun(parts: TrialParts, source: Source, held: Source | undefined): Promise<DryRun> {
  return await trial(parts, [source, held], () => run(parts, source, held))
}

async function run(parts: TrialParts, source: Source, held: Source | undefined): Promise<DryRun> {
  const training = new Batches(parts, source)
  const validating = new Batches(parts, held ?? source)
  // Scales that they get here are given back: a fit may be of other data.
  const unscaled = parts.metrics.filter((metric) => metric instanceof MASE && metric.scale === undefined)
  try {
    if (source.windows !== undefined) await fitScales(unscaled, source.windows, !parts.inUnits)
    const first = await new MemoryMeter(parts.device).measure(() => training.update())
    const { batch } = first.value
    const validated = await validate(parts, validating)
    const stepSeconds = await secondsOf(source, () => training.update())
    const steps = source.length === undefined ? undefined : Math.ceil(source.length / first.value.batches)
    const seconds = times(steps, stepSeconds)
    const heldSeconds =
      held === undefined ? 0 : times(held.length, await secondsOf(held, () => evaluate(parts, validating)))
    return new DryRun({
      device: parts.device,
      batch,
      ...validated,
      parameters: parametersOf(parts),
      bytes: first.bytes,
      trainLoss: first.value.loss,
      stepSeconds,
      steps,
      epochSeconds: seconds === undefined || heldSeconds === undefined ? undefined : seconds + heldSeconds,
    })
  } finally {
    for (const metric of unscaled) metric.dispose()
    await training.close()
    await validating.close()
  }
}

/** A validation step, with the trainer's metrics. */
async function validate(
  parts: TrialParts,
  batches: Batches,
): Promise<Pick<DryRun, 'output' | 'validationLoss' | 'metrics'>> {
  const { metrics } = parts
  for (const metric of metrics) metric.reset()
  const result = await evaluate(parts, batches)
  const values: [string, unknown][] = []
  for (const metric of metrics) values.push([resultName('validation', metric.name), await metric.compute()])
  return { ...result, metrics: Object.fromEntries(values) }
}

async function evaluate(
  { step, device, metrics, inUnits: converts }: TrialParts,
  batches: Batches,
): Promise<Pick<DryRun, 'output' | 'validationLoss'>> {
  const { windows } = batches
  const { loss, output } = await batches.use(({ take, plan }) => {
    const batch = take()
    const outcome = step.evaluate(batch, device)
    measure(
      metrics,
      outcome,
      windows && converts ? (values) => inUnits(values, windows, plan) : undefined,
      windows && ((metric) => updateOptions(metric, windows, plan)),
    )
    return { loss: onCpu(outcome.loss), output: outcome.output?.shape ?? [] }
  })
  return { output, validationLoss: taken(loss) }
}

function parametersOf({ modules, optimizer }: TrialParts): DryRun['parameters'] {
  const trained = new Set(optimizer.paramGroups.flatMap(({ params }) => params).filter((param) => param.requiresGrad))
  const parameters = new Set<Tensor>(modules.flatMap((module) => [...module.parameters()]))
  const count = (tensors: Iterable<Tensor>): number => [...tensors].reduce((sum, { numel }) => sum + numel, 0)
  const bytes = [...parameters].reduce((sum, tensor) => sum + tensor.numel * tensor.elementSize(), 0)
  return { count: count(parameters), trained: count(trained), bytes }
}

/** The median time of `fn`, a step with the next batch of a source. */
async function secondsOf({ length }: Source, fn: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  const start = performance.now()
  // An iterable may end, and may not start again.
  const most = length === undefined ? 1 : MOST_TIMES
  while (times.length < most && (times.length === 0 || performance.now() - start < MOST_MS)) {
    const before = performance.now()
    await fn()
    times.push(performance.now() - before)
  }
  return (times.sort((a, b) => a - b)[times.length >> 1] as number) / 1000
}

function times(count: number | undefined, seconds: number): number | undefined {
  return count === undefined ? undefined : count * seconds
}
