import { copyFile, rename } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { WindowDataset } from '../../data/index.ts'
import { torchError } from '../../errors.ts'
import { torch } from '../../torch.ts'
import { COMPARISON, type ComparedData, type ComparedModel, type ComparedRun, type Comparison } from '../comparison.ts'
import { readConfig, writeConfig, writeJSON } from '../config.ts'
import { naiveErrors } from '../measure.ts'
import { loadTrained } from '../networks/load.ts'
import type { Output } from '../output.ts'
import { FILES, withoutLacking } from '../plan.ts'
import { timeTextOf } from '../series.ts'
import type { Settings } from '../settings.ts'
import { type ForecastData, readForecastData } from '../tasks/forecast.ts'
import { aboutOf, compareAbout } from '../train.ts'
import { type Contestant, differencesOf } from './differences.ts'
import { Interruption } from './interruption.ts'
import {
  comparedNaive,
  forecastsOf,
  type Held,
  intervalOf,
  latencyOf,
  lossesOf,
  meanOf,
  measured,
  methodsFor,
  shownOf,
  shownWindows,
  stepErrorsOf,
} from './measured.ts'
import { COMPARE_FILE, type ComparePlan } from './plan.ts'
import { Progress } from './progress.ts'
import { bestModelOf, recommendationOf } from './recommendation.ts'
import { runOf, type Shared } from './run.ts'
import { type Candidate, candidatesOf, runSettings } from './settings.ts'
import { comparisonText } from './table.ts'

/** Trains networks on the same data on equal terms, and says which to take. */
export async function compare(plan: ComparePlan, output: Output): Promise<void> {
  const { data, folder } = plan
  const about = await aboutOf(data)
  if (plan.resumes && plan.about?.dataSha256 !== about.dataSha256) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${data} is not what it was when the comparison in ${folder} began: compare anew, in another folder (--out)`,
    )
  }
  compareAbout(plan.about, about, output)
  if (plan.settings.threads !== undefined) torch.setNumThreads(plan.settings.threads)
  const settings = { ...plan.settings, threads: torch.getNumThreads() }
  const content = await readForecastData(data, settings, output)
  const held = heldOf(content, data)
  await writeConfig(join(folder, COMPARE_FILE), { data, settings: written(plan, settings), about })

  const interruption = new Interruption()
  const indices = shownWindows(held.test)
  const measures = { metrics: settings.metrics, season: settings.season, maseScale: undefined }
  const naive = await naiveErrors(held.test, measures)
  const { signal } = interruption
  const shared: Shared = { data, content, about, output, signal, naive: async () => naive }
  try {
    const found = await networks({ ...plan, settings }, shared, held, indices)
    const comparison = await compared({ ...plan, settings }, found, { shared, held, indices, naive })
    await keep(comparison, plan, settings)
    output.result(withoutCurves(comparison), () => comparisonText(comparison, folder))
  } catch (error) {
    if (!interruption.isCause(error)) throw error
    output.note(`Stopped by ${interruption.received}; go on with: npx libtorch-rnn compare --out ${folder} --resume`)
    process.exitCode = interruption.exitCode
  } finally {
    interruption.close()
  }
}

function heldOf({ parts: { validation, test } }: ForecastData, data: string): Held {
  // The plan refuses to go without.
  const held = { validation: validation as WindowDataset, test: test as WindowDataset }
  if (held.test.length > 1) return held
  throw torchError('ERR_TORCH_VALUE', `${data}: the test part has one window only: nothing can be compared on it`)
}

/** The settings as a file of settings has them. */
function written({ compare }: ComparePlan, settings: Settings): Record<string, unknown> {
  const { task: _, ...shared } = settings
  return Object.fromEntries(Object.entries({ ...compare, ...shared }).filter(([, value]) => value !== null))
}

/** A network, and its losses on the test part. */
interface Found {
  readonly model: ComparedModel
  readonly contestant: Contestant
  /** The folder of the run with the least validation error. */
  readonly best: string
}

/** Trains and measures all networks. */
async function networks(plan: ComparePlan, shared: Shared, held: Held, indices: readonly number[]): Promise<Found[]> {
  const candidates = candidatesOf(plan.compare)
  const { lrs, seeds } = plan.compare
  const progress = new Progress(shared.output, candidates.length * (lrs.length + seeds - 1))
  try {
    const found: Found[] = []
    for (const candidate of candidates) {
      const runs = await runsOf(candidate, plan, shared, progress)
      found.push(await network(candidate, runs, { plan, shared, held, indices }))
    }
    return found
  } finally {
    progress.close()
  }
}

/** The trainings of a network: each learning rate with the first seed, then the best one with the others. */
async function runsOf(
  candidate: Candidate,
  { compare, settings, folder }: ComparePlan,
  shared: Shared,
  progress: Progress,
): Promise<ComparedRun[]> {
  const train = async (lr: number, seed: number): Promise<ComparedRun> => {
    const path = `runs/${candidate.name}-lr${lr}-seed${seed}`
    progress.begin(`${candidate.name}, learning rate ${lr}, seed ${seed}`)
    const run = await runOf(join(folder, path), runSettings(settings, compare, candidate, { lr, seed }), shared)
    progress.end(run)
    return { folder: path, isCounted: false, ...run }
  }
  const trials: ComparedRun[] = []
  for (const lr of compare.lrs) trials.push(await train(lr, 0))
  const lossOf = ({ validationLoss }: ComparedRun): number => validationLoss ?? Infinity
  const best = trials.reduce((least, trial) => (lossOf(trial) < lossOf(least) ? trial : least))
  if (best.hasDiverged) {
    throw torchError(
      'ERR_TORCH_NON_FINITE',
      `${candidate.name} diverges with each learning rate, ${compare.lrs.join(', ')}: try smaller --lrs, or leave it out`,
    )
  }
  const others: ComparedRun[] = []
  for (let seed = 1; seed < compare.seeds; seed++) others.push(await train(best.lr, seed))
  for (const { hasDiverged, lr, seed } of others) {
    if (hasDiverged) shared.output.warn(`${candidate.name} has diverged with seed ${seed} and learning rate ${lr}`)
  }
  return [...trials, ...others].map((run) => ({ ...run, isCounted: run.lr === best.lr && !run.hasDiverged }))
}

async function network(
  candidate: Candidate,
  runs: readonly ComparedRun[],
  { plan, shared, held, indices }: { plan: ComparePlan; shared: Shared; held: Held; indices: readonly number[] },
): Promise<Found> {
  const { folder, compare, settings } = plan
  const { by } = compare
  const counted = runs.filter(({ isCounted }) => isCounted)
  const [validation, tests]: [number[], Awaited<ReturnType<typeof measured>>['test'][]] = [[], []]
  let first: Pick<ComparedModel, 'parameters' | 'latencyMs' | 'forecasts' | 'interval'> | undefined
  for (const run of counted) {
    shared.signal.throwIfAborted()
    // The weights are gone behind each.
    await torch.tidy(async () => {
      const model = await loadTrained(join(folder, run.folder, FILES.model))
      if (settings.device !== 'cpu') model.to({ device: settings.device as 'cuda' })
      const { validation: error, test } = await measured(model, held, by)
      validation.push(error)
      tests.push(test)
      if (first !== undefined) return
      const { series } = shared.content
      const interval = await intervalOf(model, series, held.test, indices)
      first = {
        parameters: model.countParameters(),
        latencyMs: latencyOf(model, held.test, settings.device),
        forecasts: await forecastsOf(model, series, held.test, indices),
        ...(interval === undefined ? {} : { interval }),
      }
    })
  }
  const metrics = Object.keys(counted[0]?.errors ?? {}).filter((name) => name !== by)
  const errors = metrics.map((name) => [name, meanOf(counted.map(({ errors }) => errors?.[name] ?? Number.NaN))])
  const best = validation.indexOf(Math.min(...validation))
  return {
    model: {
      ...candidate,
      ...(first as NonNullable<typeof first>),
      lr: counted[0]?.lr as number,
      runs,
      errors: { [by]: meanOf(tests.map((test) => test[by])), ...Object.fromEntries(errors) },
      validation: meanOf(validation),
      seconds: meanOf(counted.map(({ seconds }) => seconds)),
      byStep: stepErrorsOf(tests),
    },
    contestant: { name: candidate.name, losses: tests.map((test) => lossesOf(test, by)) },
    best: counted[best]?.folder as string,
  }
}

/** What the networks and the naive forecasts come to. */
async function compared(
  { compare, settings, folder, data }: ComparePlan,
  found: readonly Found[],
  {
    shared,
    held,
    indices,
    naive: naiveMetrics,
  }: {
    shared: Shared
    held: Held
    indices: readonly number[]
    naive: Record<string, Readonly<Record<string, number>>>
  },
): Promise<Comparison> {
  const { by } = compare
  const { series } = shared.content
  const naive: Awaited<ReturnType<typeof comparedNaive>>[] = []
  for (const method of methodsFor(settings.season, held.test)) {
    const errors = naiveMetrics[method] ?? {}
    naive.push(await comparedNaive(method, series, held, { by, season: settings.season, indices, errors }))
  }
  const best = bestModelOf(found.map(({ model }) => model))
  const chosen = found.find(({ model }) => model === best) as Found
  const rivals = [
    ...found.filter((one) => one !== chosen).map(({ contestant }) => contestant),
    ...naive.map(({ naive: { name }, losses }) => ({ name, losses: [losses] })),
  ]
  shared.signal.throwIfAborted()
  const overlap = Math.ceil(held.test.horizon / held.test.stride)
  const differences = await differencesOf(chosen.contestant, rivals, overlap)
  const models = found.map(({ model }) => model).sort((a, b) => (a.errors[by]?.mean ?? 0) - (b.errors[by]?.mean ?? 0))
  const naives = naive.map((one) => one.naive).sort((a, b) => (a.errors[by] ?? 0) - (b.errors[by] ?? 0))
  const evidence = { models, naive: naives, differences, by, seeds: compare.seeds, run: chosen.best }
  return {
    kind: 'comparison',
    version: 1,
    about: shared.about,
    created: new Date().toISOString(),
    compare,
    settings,
    data: dataOf(shared.content, relative(resolve(folder), resolve(data))),
    models,
    naive: naives,
    test: {
      windows: held.test.length,
      origins: chosen.contestant.losses[0]?.length ?? 0,
      shown: shownOf(series, held.test, indices),
    },
    differences,
    recommendation: recommendationOf(evidence),
    seconds: models.flatMap(({ runs }) => runs).reduce((sum, { seconds }) => sum + seconds, 0),
    warnings: [...shared.output.warnings],
  }
}

function dataOf({ series, parts }: ForecastData, path: string): ComparedData {
  const text = timeTextOf(series)
  const { times, gaps, groups, targets, inputNames, frequency, length } = series
  const ends = times.reduce(
    ([least, most], time) => [Math.min(least, Number(time)), Math.max(most, Number(time))] as const,
    [Infinity, -Infinity] as readonly [number, number],
  )
  const [from, to] = ends.map((time) => text(new Date(time))) as [string, string]
  return {
    path,
    rows: length,
    groups: [...groups],
    targets: [...targets],
    inputs: inputNames,
    frequency: frequency === undefined ? null : typeof frequency === 'number' ? `${frequency} ms` : frequency,
    from,
    to,
    gaps: gaps.slice(0, 100).map(({ after, before }) => ({ after: text(after), before: text(before) })),
    parts: (['train', 'validation', 'test'] as const).map((name) => {
      const windows = parts[name] as WindowDataset
      return {
        name,
        from: text(windows.times(0)[0] as Date),
        to: text(windows.times(windows.length - 1).at(-1) as Date),
        windows: windows.length,
      }
    }),
  }
}

/** Writes down the comparison, and the best network with the settings of its run, so that commands find both. */
async function keep(comparison: Comparison, { folder, data }: ComparePlan, shared: Settings): Promise<void> {
  const run = join(folder, comparison.recommendation.run)
  const path = join(folder, FILES.model)
  await copyFile(join(run, FILES.model), `${path}.new`)
  await rename(`${path}.new`, path)
  const { settings } = readConfig(join(run, FILES.config))
  await writeConfig(join(folder, FILES.config), {
    data,
    settings: withoutLacking({ ...shared, ...settings } as Settings),
    about: comparison.about,
  })
  await writeJSON(join(folder, COMPARISON), comparison)
}

/** What `--json` prints: all but the learning curves and the forecasts, which may be long. */
function withoutCurves({ models, naive, test, ...rest }: Comparison): object {
  return {
    ...rest,
    models: models.map(({ forecasts: _, runs, ...model }) => ({
      ...model,
      runs: runs.map(({ history: __, ...run }) => run),
    })),
    naive: naive.map(({ forecasts: _, ...one }) => one),
    test: { windows: test.windows, origins: test.origins },
  }
}
