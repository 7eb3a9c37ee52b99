import { offload, tidy } from '../tensor/context.ts'
import type { Callbacks } from './callback.ts'
import type { Ending } from './ending.ts'
import type { EpochResult } from './history.ts'
import type { Interruption } from './interruption.ts'
import type { PassResult, Resumed } from './pass.ts'
import type { ScheduledRates } from './rates.ts'
import { resultName } from './resolved-options.ts'
import type { Run } from './run.ts'
import type { Runner } from './runner.ts'
import type { Source } from './source.ts'

/** What a `fit` works with. */
export interface FitParts {
  readonly run: Run
  readonly callbacks: Callbacks
  readonly source: Source
  readonly held: Source | undefined
  readonly training: Runner
  readonly validating: Runner | undefined
  readonly maxSteps: number
  readonly maxSeconds: number
  /** How many batches make one update. */
  readonly accumulateGradBatches: number
  /** Whether the weights have been updated with all batches so far. */
  isUpdated(): boolean
  /** Queues the update with the batches since the last one, if there are any. */
  finish(): void
  readonly rates: ScheduledRates | undefined
  /** Called at the start of each epoch, before its data are asked for. */
  begin(): void
  /** Called at the end of a pass over the data. */
  passed(): void
  /** Called after the last epoch, before the callbacks are. */
  end(): void
  /** Throws, or stops the run, if the signal is aborted. */
  check(): void
  /** When to wait no more for what the user's code does. */
  readonly ending: Ending
  /** Ends the run when a signal comes, if it is to. */
  readonly interruption: Interruption | undefined
  /** Within an epoch: what a checkpoint needs to continue it. */
  readonly resumed: Resumed | undefined
}

/** The most milliseconds of a timer. */
const LONGEST = 2 ** 31 - 1

/** The epochs of a `fit`: its loop, with the hooks of the callbacks in between. */
export async function runEpochs(parts: FitParts): Promise<void> {
  const milliseconds = parts.maxSeconds * 1000
  const deadline = performance.now() + milliseconds
  const timer = milliseconds > LONGEST ? undefined : setTimeout(() => parts.ending.ask(), milliseconds)
  try {
    await runUntil(deadline, parts)
  } finally {
    clearTimeout(timer)
  }
}

async function runUntil(deadline: number, parts: FitParts): Promise<void> {
  const { run, callbacks, interruption } = parts
  let { resumed } = parts
  run.epoch = run.history.epochs.length + 1
  await callbacks.call('onFitStart', run)
  // A resumed run may have reached one.
  limit(parts, deadline)
  for (; run.epoch <= run.epochs; run.epoch++) {
    parts.check()
    if (run.stopReason !== undefined) break
    // Within an epoch, the first step has to be done before there is something to save.
    if (resumed === undefined && (await interruption?.check()) === true) break
    parts.begin()
    run.batch = resumed?.steps ?? 0
    await callbacks.call('onEpochStart', run)
    parts.check()
    if (run.stopReason !== undefined) break
    await runEpoch(parts, deadline, resumed)
    if (interruption?.hasEnded() === true || run.history.epochs.length < run.epoch) break
    resumed = undefined
    run.batch = 0
    parts.rates?.epochEnded(run)
    if (parts.held !== undefined) await callbacks.call('onValidationEnd', run)
    await callbacks.call('onEpochEnd', run)
    limit(parts, deadline)
  }
  parts.end()
  await callbacks.call('onFitEnd', run)
}

async function runEpoch(parts: FitParts, deadline: number, resumed: FitParts['resumed']): Promise<void> {
  const { run, callbacks, training, source, interruption } = parts
  const start = performance.now()
  const updatesOf = (batches: number): number => Math.floor(batches / parts.accumulateGradBatches)
  const before = run.step - updatesOf(resumed?.steps ?? 0)
  const failed = (batches: number): void => {
    run.batch = batches
    run.step = before + updatesOf(batches)
  }
  const end = (batch: number, settled: () => Promise<void>): unknown => {
    run.batch = batch
    if (!parts.isUpdated()) return false
    run.step++
    parts.rates?.stepped()
    const hooks = callbacks.stepEnd(run, settled)
    const isLast = (): unknown => {
      limit(parts, deadline)
      return run.stopReason !== undefined || interruption?.check(settled)
    }
    return hooks === undefined ? isLast() : hooks.then(isLast)
  }
  const { ending } = parts
  const trained = await training.pass(source, {
    name: `epoch ${run.epoch}`,
    begin: () => parts.check(),
    end,
    failed,
    ending,
    resumed,
  })
  const hasStarted = trained.isWhole || run.batch > 0
  if (!trained.isWhole && hasStarted && parts.isUpdated()) await interruption?.check()
  if (interruption?.hasEnded() === true || !hasStarted) return
  if (!parts.isUpdated()) {
    await offload(() => tidy(parts.finish))
    run.step++
    parts.rates?.stepped()
    await callbacks.stepEnd(run)
  }
  parts.passed()
  const { lr } = run.optimizer.paramGroups[0] ?? {}
  const result: EpochResult = { epoch: run.epoch, trainLoss: trained.loss, seconds: 0, ...named('train', trained) }
  const validated = await validate(parts)
  parts.passed()
  if (interruption?.hasEnded() === true || validated?.isWhole === false) return
  if (validated !== undefined) {
    Object.assign(result, { validationLoss: validated.loss, ...named('validation', validated) })
  }
  if (typeof lr === 'number') result.lr = lr
  result.seconds = (performance.now() - start) / 1000
  run.history.epochs.push(result)
}

async function validate(parts: FitParts): Promise<PassResult | undefined> {
  const { run, held, validating, interruption, ending } = parts
  if (held === undefined || validating === undefined) return undefined
  const name = `validation after epoch ${run.epoch}`
  const pass = async (): Promise<PassResult> => {
    const result = await validating.pass(held, {
      name,
      begin: () => parts.check(),
      end: () => interruption?.check(),
      ending,
    })
    if (!result.isWhole) await interruption?.check()
    return result
  }
  return interruption === undefined ? await pass() : await interruption.validating(pass)
}

/** The metrics of a pass, by the names that they have in the result of an epoch. */
function named(pass: string, { metrics }: PassResult): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [resultName(pass, name), value as number]))
}

/** Stops a run that has reached one of its limits. */
function limit({ run, maxSteps, maxSeconds }: FitParts, deadline: number): void {
  if (run.step >= maxSteps) run.stop(`maxSteps: ${maxSteps} steps are done`)
  if (performance.now() >= deadline) run.stop(`maxSeconds: ${maxSeconds} s have passed`)
}
