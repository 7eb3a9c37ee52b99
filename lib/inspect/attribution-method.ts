import { noGrad, tidy } from '../tensor/context.ts'
import { zerosLike } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ExplainedModel, Slice } from './explained-model.ts'
import { rangesOf, type Window } from './sliding-windows.ts'

/** A part of the work, which may be queued: it makes the tensors that it returns, or changes what is given to it. */
export type Job = Generator<() => readonly Tensor[], void, readonly Tensor[]>

/** Forms of the features at which the model runs. */
export interface Variants {
  readonly count: number
  /** The forms from `from` up to, not including, `to`, each in the shape of the features. */
  make(from: number, to: number): Tensor[]
}

/** The parts of `count` of at most `most`. */
function* parts(count: number, most: number): Generator<[from: number, to: number]> {
  for (let from = 0; from < count; from += most) yield [from, Math.min(from + most, count)]
}

/**
 * Runs the model at all variants of the features, at most `most` sequences at a time. `run` gets the rows of a slice of
 * the sequences for the variants from `from` on: those of the first variant, then of the next.
 */
export function* atVariants(
  model: ExplainedModel,
  { count, make }: Variants,
  most: number,
  run: (rows: Tensor, slice: Slice, from: number) => void,
): Job {
  const { dim } = model
  for (const [from, to] of parts(count, Math.max(1, Math.floor(most / model.count)))) {
    const variants = yield () => noGrad(() => tidy(() => make(from, to)))
    for (const [start, end] of parts(model.count, most)) {
      const slice = { start, count: end - start }
      yield () =>
        tidy(() => {
          const own = noGrad(() =>
            functions.cat(
              variants.map((variant) => variant.narrow(dim, start, slice.count)),
              dim,
            ),
          )
          run(own, slice, from)
          return []
        })
    }
    for (const variant of variants) variant.dispose()
  }
}

/** Adds the weighted gradients of the explained values at all variants to `total`. */
export function* addGradients(
  model: ExplainedModel,
  variants: Variants,
  weights: readonly number[],
  most: number,
  total: Tensor,
): Job {
  const { dim } = model
  yield* atVariants(model, variants, most, (rows, slice, from) => {
    const gradients = model.gradients(rows, slice).unflatten(dim, [-1, slice.count])
    noGrad(() => {
      const own = total.narrow(dim, slice.start, slice.count)
      for (const [i, gradient] of gradients.unbind(dim).entries())
        own.add_(gradient, { alpha: weights[from + i] as number })
    })
  })
}

/** Writes the explained values at the features themselves into `output` (N). */
export function* writeValues(model: ExplainedModel, features: Tensor, most: number, output: Tensor): Job {
  const variants = { count: 1, make: () => [features.clone()] }
  yield* atVariants(model, variants, most, (rows, slice) => {
    const values = model.values(rows, slice)
    noGrad(() => output.narrow(0, slice.start, slice.count).copy_(values))
  })
}

/**
 * For each window, how much the explained value falls when the baseline takes its place. Where windows overlap, the mean
 * of theirs.
 */
export function* addOcclusion(
  model: ExplainedModel,
  { features, baseline, output }: { readonly features: Tensor; readonly baseline: Tensor; readonly output: Tensor },
  windows: readonly Window[],
  most: number,
  total: Tensor,
): Job {
  const { dim } = model
  const counts = zerosLike(total.narrow(dim, 0, 1))
  const variants: Variants = {
    count: windows.length,
    make: (from, to) =>
      windows.slice(from, to).map((window) => {
        const variant = features.clone()
        within(variant, window, dim).copy_(within(baseline, window, dim))
        return variant
      }),
  }
  yield* atVariants(model, variants, most, (rows, slice, from) => {
    const values = model.values(rows, slice).unflatten(0, [-1, slice.count])
    noGrad(() => {
      const falls = output.narrow(0, slice.start, slice.count).sub(values)
      const own = total.narrow(dim, slice.start, slice.count)
      for (const [i, fall] of falls.unbind(0).entries()) {
        const window = windows[from + i] as Window
        const shape = own.shape.map((_, axis) => (axis === dim ? slice.count : 1))
        within(own, window, dim).add_(fall.reshape(shape))
        if (slice.start === 0) within(counts, window, dim).add_(1)
      }
    })
  })
  yield () => {
    noGrad(() => total.div_(counts))
    return []
  }
}

/** The part of a tensor that a window covers, of all sequences. */
function within(tensor: Tensor, window: Window, dim: number): Tensor {
  const ranges = rangesOf(window, dim)
  return ranges.reduce((part, { axis, start, length }) => part.narrow(axis, start, length), tensor)
}
