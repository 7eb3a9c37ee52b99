import { checkOptions, requireChoice, requireInteger, requireNone, requirePositive, requireSignal } from '../check.ts'
import type { Module } from '../nn/module.ts'
import type { Lengths } from '../nn/utils/rnn.ts'
import { noGrad, offload, tidy } from '../tensor/context.ts'
import { randn, zeros, zerosLike } from '../tensor/creation.ts'
import { Generator } from '../tensor/generator.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { addGradients, addOcclusion, type Variants, writeValues } from './attribution-method.ts'
import { ExplainedModel } from './explained-model.ts'
import type { AttributionTarget } from './explained-value.ts'
import { gaussLegendre } from './quadrature.ts'
import { slidingWindows } from './sliding-windows.ts'

/** The options that only one method has, by their names in Captum. */
export interface AttributionMethodOptions {
  integratedGradients: {
    /** The points at which gradients are taken, those of Gauss–Legendre quadrature. Default 50. */
    nSteps?: number
    baselines?: AttributionBaselines
  }
  gradientTimesInput: unknown
  smoothGrad: {
    /** How many noisy inputs the gradients are the mean of. Default 50. */
    ntSamples?: number
    /** The standard deviation of the noise. Default: 0.15 of the range that each feature has in the input. */
    stdevs?: number
    /** The seed of the noise, up to 2^32 - 1. Default 0. */
    seed?: number
  }
  occlusion: {
    /**
     * What is occluded together, in each dimension but that of the sequences: `[steps, features]`. `[1, 1]`: each number
     * by itself; `[L, 1]`: each feature over all steps; `[5, F]`: all features at 5 steps. Default: all 1.
     */
    slidingWindowShapes?: readonly number[]
    /** How far a window is from the next, at most its shape. Default: its shape. */
    strides?: readonly number[]
    baselines?: AttributionBaselines
  }
}

/** A number, or a tensor in the shape of the input, of one sequence of it, or (features). */
export type AttributionBaselines = number | Tensor

export type AttributionMethod = keyof AttributionMethodOptions

/** Options of {@link attribute}: those of all methods, and of the one that is chosen. */
export type AttributeOptions<Method extends AttributionMethod = AttributionMethod, Output = Tensor> = {
  /**
   * - `'integratedGradients'`: the mean of the gradients on the straight line from the baseline to the input, times
   *   their difference. The attributions of a sequence add up to f(input) - f(baseline)
   * - `'gradientTimesInput'`: one gradient, times the input: f as if it were linear
   * - `'smoothGrad'`: the mean of gradients at noisy inputs, without the input as a factor
   * - `'occlusion'`: how much f falls when the baseline takes the place of a part of the input
   *
   * Default `'integratedGradients'`.
   */
  method?: Method
  /** The number of the output that is explained, f. Needed unless the model has one for each sequence. */
  target?: AttributionTarget<Output>
  /** The number of steps of each sequence, which the model gets as `forward(input, { lengths })`. Default: all. */
  lengths?: Lengths | null
  /**
   * The most sequences that are computed at once; it bounds the memory. Default: as many as have 16,384 steps together,
   * but at least one.
   */
  internalBatchSize?: number
  /** Aborting it ends the work: the promise rejects with the signal's reason. */
  signal?: AbortSignal
} & AttributionMethodOptions[Method]

/** What {@link attribute} finds. */
export interface Attribution<Method extends AttributionMethod = AttributionMethod> {
  method: Method
  /** How much each number of the input has contributed, in its shape; of tokens, (…, embedding). */
  attributions: Tensor
  /** The explained value of each sequence, f: (N), or a scalar for an input without a dimension of sequences. */
  output: Tensor
  /** The same at the baseline; `null` for `'smoothGrad'`, which has none. */
  baselineOutput: Method extends 'smoothGrad' ? null : Tensor
  /**
   * For each sequence, the sum of the attributions minus (f(input) - f(baseline)): what the attributions leave
   * unexplained. `null` for `'smoothGrad'` and `'occlusion'`, whose attributions are no shares of that difference.
   */
  completenessError: Method extends 'smoothGrad' | 'occlusion' ? null : Tensor
}

/** A model whose outputs are explained: any that takes a tensor. */
export type ExplainableModel<Output> = Module & { forward(input: Tensor): Output }

const SHARED = ['method', 'target', 'lengths', 'internalBatchSize', 'signal'] as const
const OWN: Readonly<Record<AttributionMethod, readonly string[]>> = {
  integratedGradients: ['nSteps', 'baselines'],
  gradientTimesInput: [],
  smoothGrad: ['ntSamples', 'stdevs', 'seed'],
  occlusion: ['slidingWindowShapes', 'strides', 'baselines'],
}

/** The steps of sequences that are computed at once by default: of 64 hidden units, some 50 MB. */
const STEPS = 16_384

/** All options, of any method. */
type AnyOptions = AttributeOptions<'integratedGradients', never> &
  AttributeOptions<'smoothGrad', never> &
  AttributeOptions<'occlusion', never>

/** Runs parts of the work that may be queued, and gets what they return. */
type Work = globalThis.Generator<() => readonly Tensor[], Attribution, readonly Tensor[]>

/**
 * How much each number of an input has contributed to an output of a model: by feature, and by step of the sequence.
 *
 * It works for all recurrent models and networks, with one output for each sequence, for each step, or with a horizon,
 * and for any other module that takes a tensor with a dimension for the sequences: the second if the module has a
 * property `batchFirst` that is `false`, else the first. Integers are tokens: then what the model's embedding makes of
 * them gets attributions, whose sum over the last dimension is that of the token. Sequences must not depend on each
 * other.
 *
 * The model runs in evaluation mode, off the main thread; its modes and the gradients of its parameters stay as they
 * were.
 *
 * @param model a recurrent model, or any other module that takes one tensor
 * @param input (L, N, I), or (N, L, I) with batchFirst, or (L, I) for one sequence; tokens without the last dimension
 * @throws {TorchError} (rejects) if `target` does not fit the output, or f does not depend on the input; for an unknown
 *   option, or one that the method does not have.
 * @example
 * const { attributions, completenessError } = await attribute(model, x, { target: 2 })
 * console.log(attributions.abs().mean([0, 1]), completenessError) // by feature
 * @see Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", arXiv:1703.01365, 2017; Shrikumar et al.,
 *   arXiv:1605.01713, 2016 (gradient times input); Smilkov et al., "SmoothGrad", arXiv:1706.03825, 2017; Zeiler and
 *   Fergus, arXiv:1311.2901, 2013 (occlusion). Names are those of https://captum.ai
 */
export async function attribute<Output, const Method extends AttributionMethod = 'integratedGradients'>(
  model: ExplainableModel<Output>,
  input: Tensor,
  options: AttributeOptions<Method, Output> = {} as AttributeOptions<Method, Output>,
  ...none: undefined[]
): Promise<Attribution<Method>> {
  requireNone('attribute', none)
  // What is no options object is refused within.
  const signal = (options as { signal?: AbortSignal } | null)?.signal
  return (await tidy(async () => {
    const work = attributing('attribute', model, input, options as AnyOptions)
    let step = work.next()
    while (!step.done) step = work.next(await offload(step.value, signal === undefined ? {} : { signal }))
    return step.value
  })) as Attribution<Method>
}

/** {@link attribute} on this thread, which blocks. `signal` has no effect once it has begun. */
export function attributeSync<Output, const Method extends AttributionMethod = 'integratedGradients'>(
  model: ExplainableModel<Output>,
  input: Tensor,
  options: AttributeOptions<Method, Output> = {} as AttributeOptions<Method, Output>,
  ...none: undefined[]
): Attribution<Method> {
  requireNone('attributeSync', none)
  return tidy(() => {
    const work = attributing('attributeSync', model, input, options as AnyOptions)
    let step = work.next()
    while (!step.done) step = work.next(step.value())
    return step.value
  }) as Attribution<Method>
}

function* attributing(owner: string, model: unknown, input: unknown, options: AnyOptions): Work {
  // A misspelled name is told first; then, one of another method.
  checkOptions(owner, options, [...SHARED, ...new Set(Object.values(OWN).flat())])
  const method = (options.method ?? 'integratedGradients') as AttributionMethod
  requireChoice(owner, 'method', method, Object.keys(OWN))
  checkOptions(`${owner} with ${method}`, options, [...SHARED, ...OWN[method]])
  const { target, lengths, baselines = 0, nSteps = 50, ntSamples = 50, stdevs, seed = 0 } = options
  requireInteger(owner, 'nSteps', nSteps, 1)
  requireInteger(owner, 'ntSamples', ntSamples, 1)
  // The generator reads 32 bits.
  requireInteger(owner, 'seed', seed, 0, 2 ** 32 - 1)
  if (stdevs !== undefined) requirePositive(owner, 'stdevs', stdevs)
  requireSignal(owner, options.signal)
  const subject = new ExplainedModel(owner, model, input, { target, lengths })
  const { count, dim, steps } = subject
  const { internalBatchSize: most = Math.max(1, Math.floor(STEPS / steps)) } = options
  requireInteger(owner, 'internalBatchSize', most, 1)

  const [features, baseline, total, output, baselineOutput] = (yield () => {
    const made = subject.features()
    const { dtype, device } = made
    const numbers = () => zeros([count], { dtype, device })
    return [made, subject.baseline(baselines, made), zerosLike(made), numbers(), numbers()]
  }) as [Tensor, Tensor, Tensor, Tensor, Tensor]
  const windows =
    method === 'occlusion'
      ? slidingWindows(owner, features.shape.toSpliced(dim, 1), options.slidingWindowShapes, options.strides)
      : []
  yield* writeValues(subject, features, most, output)
  if (method !== 'smoothGrad') yield* writeValues(subject, baseline, most, baselineOutput)

  if (method === 'occlusion') {
    yield* addOcclusion(subject, { features, baseline, output }, windows, most, total)
  } else if (method === 'smoothGrad') {
    const variants = noisy(features, ntSamples, stdevs, seed)
    yield* addGradients(subject, variants, Array<number>(ntSamples).fill(1 / ntSamples), most, total)
  } else {
    const points = method === 'integratedGradients' ? gaussLegendre(nSteps) : [{ at: 1, weight: 1 }]
    const make = (from: number, to: number): Tensor[] =>
      points.slice(from, to).map(({ at }) => baseline.lerp(features, at))
    const weights = points.map(({ weight }) => weight)
    yield* addGradients(subject, { count: points.length, make }, weights, most, total)
    yield () => {
      noGrad(() => tidy(() => total.mul_(features.sub(baseline))))
      return []
    }
  }

  const isComplete = method === 'integratedGradients' || method === 'gradientTimesInput'
  const [attributions, own, other, error] = (yield () =>
    noGrad(() =>
      tidy(() => {
        const sums = total.transpose(0, dim).reshape([count, -1]).sum(1)
        const results = [output, baselineOutput, sums.sub(output.sub(baselineOutput))]
        return [subject.asGiven(total, dim), ...results.map((result) => subject.asGiven(result, 0))]
      }),
    )) as [Tensor, Tensor, Tensor, Tensor]
  return {
    method,
    attributions,
    output: own,
    baselineOutput: method === 'smoothGrad' ? null : other,
    completenessError: isComplete ? error : null,
  } as Attribution
}

/** The features with noise. It is drawn in the order of the samples, whatever is computed at once, on the CPU. */
function noisy(features: Tensor, count: number, stdevs: number | undefined, seed: number): Variants {
  const generator = new Generator().manualSeed(seed)
  const { shape, dtype, device } = features
  const axes = features.ndim === 1 ? [0] : shape.map((_, axis) => axis).slice(0, -1)
  const make = (from: number, to: number): Tensor[] => {
    const deviation = stdevs ?? features.amax(axes, true).sub(features.amin(axes, true)).mul(0.15)
    return Array.from({ length: to - from }, () =>
      features.add(
        randn([...shape], { generator, dtype })
          .to({ device })
          .mul(deviation),
      ),
    )
  }
  return { count, make }
}
