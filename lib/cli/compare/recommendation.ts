// What the numbers mean, in words.
import type {
  ComparedError,
  ComparedModel,
  ComparedNaive,
  Comparison,
  Difference,
  Recommendation,
} from '../comparison.ts'
import { TITLES } from '../measure.ts'
import { numberText } from '../output.ts'

export type Evidence = Pick<Comparison, 'models' | 'naive' | 'differences'> & {
  readonly by: ComparedError
  readonly seeds: number
  /** The run whose model is kept. */
  readonly run: string
}

const percent = (part: number): string => `${Math.abs(100 * part).toFixed(1)} %`
const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** A p in a sentence. */
export const pText = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${p.toPrecision(2)}`)

/** The network with the least validation error: the test part has no part in the choice. */
export function bestModelOf<M extends Pick<ComparedModel, 'validation'>>(models: readonly M[]): M {
  return models.reduce((best, model) => (model.validation.mean < best.validation.mean ? model : best))
}

export function recommendationOf(evidence: Evidence): Recommendation {
  const { models, naive, differences, by, run } = evidence
  const best = bestModelOf(models)
  const rival = naive.reduce((least, one) => ((one.errors[by] as number) < (least.errors[by] as number) ? one : least))
  const beside = differences.find(({ b }) => b === rival.name) as Difference
  const isModel = beside.isClear && beside.difference < 0
  const names = models.map(({ name }) => name)
  const alike = differences.filter(({ b, isClear }) => names.includes(b) && !isClear).map(({ b }) => b)
  return {
    choice: isModel ? best.name : rival.name,
    kind: isModel ? 'model' : 'naive',
    run,
    bestModel: best.name,
    bestNaive: rival.name,
    alike,
    sentences: [
      ...(isModel ? forModel(best, rival, beside, evidence) : forNaive(best, rival, beside, evidence)),
      ...aboutOthers(best, alike, evidence),
    ],
  }
}

/** The error of a network, with its spread. */
export function errorText({ errors }: ComparedModel, by: string, seeds: number): string {
  const { mean, spread } = errors[by] ?? { mean: Number.NaN, spread: 0 }
  return seeds < 2 ? numberText(mean) : `${numberText(mean)} ± ${spread.toPrecision(2)}`
}

function forModel(best: ComparedModel, rival: ComparedNaive, beside: Difference, evidence: Evidence): string[] {
  const { by, seeds, models } = evidence
  const naive = rival.errors[by] as number
  const lower = percent(1 - (best.errors[by]?.mean as number) / naive)
  const chosen = models.length < 2 ? '' : ', whose validation error is the least'
  return [
    `Take ${best.name}${chosen}: on the test part its ${by} is ${errorText(best, by, seeds)}${seeds < 2 ? '' : ` over ${seeds} seeds`}, ${lower} below that of the best naive forecast, ${TITLES[rival.name]}, ${numberText(naive)}.`,
    `That is more than noise: ${noiseText(beside, by)}.`,
  ]
}

function forNaive(best: ComparedModel, rival: ComparedNaive, beside: Difference, evidence: Evidence): string[] {
  const { by, seeds } = evidence
  const title = TITLES[rival.name]
  const naive = rival.errors[by] as number
  const own = `${by} ${errorText(best, by, seeds)}, and ${title} ${numberText(naive)}`
  const change = percent((best.errors[by]?.mean as number) / naive - 1)
  if (beside.difference >= 0) {
    const clear = beside.isClear ? 'and that is more than noise' : 'and the two cannot be told apart'
    return [
      `Take ${title}, which needs no training: the best network does not beat it.`,
      `On the test part ${best.name} has ${own}: its error is ${change} higher, ${clear}: ${noiseText(beside, by)}.`,
    ]
  }
  return [
    `Take ${title}, which needs no training: the best network does not beat it by more than noise.`,
    `On the test part ${best.name} has ${own}: its error is ${change} lower, but that may be chance: ${noiseText(beside, by)}.`,
    'A longer test part (--test), or more --seeds, would tell smaller differences.',
  ]
}

/** The evidence for or against a difference. */
function noiseText({ bootstrap, dieboldMariano }: Difference, by: ComparedError): string {
  const { level, lower, upper, blockLength } = bootstrap
  const what = by === 'mae' ? 'absolute' : 'squared'
  const interval = `the ${100 * level} % interval of the difference of ${what} errors is ${numberText(lower)} to ${numberText(upper)} (bootstrap of blocks of ${blockLength} origins and of seeds)`
  const test =
    dieboldMariano === null
      ? 'a Diebold-Mariano test is not possible'
      : `Diebold-Mariano gives ${pText(dieboldMariano.adjusted)} after Holm's correction`
  return `${interval}, and ${test}`
}

function aboutOthers(best: ComparedModel, alike: readonly string[], { models, by, seeds }: Evidence): string[] {
  const sentences: string[] = []
  if (alike.length > 0) {
    const equals = models.filter(({ name }) => name === best.name || alike.includes(name))
    const smallest = equals.reduce((least, one) => (one.parameters < least.parameters ? one : least))
    sentences.push(
      `${list(alike)} cannot be told from ${best.name} on these data; the smallest of these is ${smallest.name}, with ${smallest.parameters} parameters.`,
    )
  }
  const [least] = models
  if (least !== undefined && least.name !== best.name) {
    sentences.push(
      `The least test error is that of ${least.name}, ${errorText(least, by, seeds)}, but who chooses by the test part measures nothing by it.`,
    )
  }
  if (seeds < 2) sentences.push('With one seed, the noise of the training is not in these intervals: use more --seeds.')
  return sentences
}
