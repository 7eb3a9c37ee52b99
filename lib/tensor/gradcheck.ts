import { isArrayOf } from '../array.ts'
import { checkOptions, requireNone, requireNonNegative, requirePositive } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { enableGrad, noGrad, tidy } from './context.ts'
import { randLike, zeros, zerosLike } from './creation.ts'
import { grad } from './gradient.ts'
import type { Index } from './indexing.ts'
import { functions } from './methods.ts'
import { isTensor, type Tensor } from './tensor.ts'

export interface GradcheckOptions {
  /** The step by which each input element is perturbed, up and down. Default 1e-6. */
  eps?: number
  /** Default 1e-5. */
  atol?: number
  /** Default 1e-3. */
  rtol?: number
  /**
   * If `true`, a mismatch throws, with both Jacobians in the message; if `false`, it returns `false`. Default `true`.
   */
  raiseException?: boolean
  /** The tolerance for differences between two backward passes. Default 0. */
  nondetTol?: number
}

/** A function of tensors that can be differentiated. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[]

const NAMES = ['eps', 'atol', 'rtol', 'raiseException', 'nondetTol'] as const

function listOf(name: string, value: unknown): Tensor[] {
  const list = isTensor(value) ? [value] : value
  if (!isArrayOf(list, isTensor)) {
    throw torchError('ERR_TORCH_TYPE', `${name} must be a Tensor or an array of Tensors, got ${describe(value)}`)
  }
  return list
}

function outputsOf(fn: Differentiable, inputs: readonly Tensor[]): Tensor[] {
  return listOf('gradcheck: the output of the function', fn(...inputs))
}

function checkInputs(inputs: readonly Tensor[]): void {
  for (const [i, input] of inputs.entries()) {
    if (input.dtype.startsWith('complex')) {
      throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'gradcheck: complex inputs are not supported')
    }
    if (!input.requiresGrad) continue
    if (input.dtype !== 'float64') {
      process.emitWarning(
        `Input #${i} requires gradient and is not a double precision floating point or complex. This check will likely fail if all the inputs are not of double precision floating point or complex. `,
      )
    }
    const sizes = input.shape
    if (!input.stride.every((stride, dim) => stride > 0 || (sizes[dim] as number) <= 1)) {
      throw torchError(
        'ERR_TORCH_RUNTIME',
        `The ${i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck.`,
      )
    }
  }
  if (!inputs.some((input) => input.requiresGrad)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      'gradcheck expects at least one input tensor to require gradient, but none of them have requiresGrad.',
    )
  }
}

/** The indices of all elements of a tensor, in row-major order. */
function* indicesOf(shape: readonly number[]): Generator<Index[]> {
  const [size, ...rest] = shape
  if (size === undefined) {
    yield ['...']
    return
  }
  for (let i = 0; i < size; i++) for (const tail of indicesOf(rest)) yield [i, ...tail]
}

/** Numerical d output / d input, by central differences, for each output: (elements of input, elements of output). */
function numericalJacobians(fn: Differentiable, inputs: readonly Tensor[], input: Tensor, eps: number): Tensor[] {
  const data = input.detach()
  const rows: Tensor[][] = []
  for (const index of indicesOf(data.shape)) {
    const value = data.index(...index).item<number>()
    const at = (moved: number): Tensor[] => {
      data.indexPut_(index, moved)
      return outputsOf(fn, inputs).map((output) => output.detach().clone().flatten())
    }
    // Perturbs the input in place, because the function may access it in another way, such as a module its parameters.
    try {
      const [below, above] = [at(value - eps), at(value + eps)]
      rows.push(above.map((output, i) => output.sub(below[i] as Tensor).div(2 * eps)))
    } finally {
      data.indexPut_(index, value)
    }
  }
  return (rows[0] ?? []).map((_, i) => functions.stack(rows.map((row) => row[i] as Tensor)))
}

/** Analytical d output / d input, by backward, for each input: (elements of input, elements of output). */
function analyticalJacobians(output: Tensor, inputs: readonly Tensor[]): Tensor[] {
  const columns: Tensor[][] = inputs.map(() => [])
  const seed = zerosLike(output)
  for (const index of indicesOf(output.shape)) {
    seed.indexPut_(index, 1)
    const gradients = grad(output, inputs, { gradOutputs: [seed], retainGraph: true, allowUnused: true })
    for (const [i, gradient] of gradients.entries()) {
      columns[i]?.push((gradient ?? zerosLike(inputs[i] as Tensor)).clone().flatten())
    }
    // A gradient may share the memory of the seed.
    seed.indexPut_(index, 0)
  }
  return columns.map((column, i) =>
    column.length > 0 ? functions.stack(column, 1) : zeros([inputs[i]?.numel ?? 0, 0], { dtype: output.dtype }),
  )
}

/** The mismatch, in PyTorch's words, or `null`. */
function mismatch(fn: Differentiable, inputs: readonly Tensor[], options: Required<GradcheckOptions>): string | null {
  const { eps, atol, rtol, nondetTol } = options
  const moving = inputs.filter((input) => input.requiresGrad)
  const outputs = outputsOf(fn, inputs)
  const differentiable = outputs.flatMap((output, i) => (output.requiresGrad ? [[output, i] as const] : []))
  // Perturbing the inputs in place invalidates the graph, so all gradients are computed from it first.
  const analytical = differentiable.map(([output]) => analyticalJacobians(output, moving))
  for (const [o, [output]] of differentiable.entries()) {
    const again = analyticalJacobians(output, moving)
    const differs = again.some((jacobian, i) => {
      const difference = jacobian.sub(analytical[o]?.[i] as Tensor).abs()
      return jacobian.numel > 0 && !(difference.max().item<number>() <= nondetTol)
    })
    if (differs) {
      return `Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was ${nondetTol}.`
    }
    const gradOutputs = [zerosLike(output)]
    const zeros = grad(output, moving, { gradOutputs, retainGraph: true, allowUnused: true })
    if (zeros.some((zero) => zero !== null && zero.countNonzero().item() !== 0)) {
      return 'backward not multiplied by grad_output'
    }
  }
  const numerical = noGrad(() => moving.map((input) => numericalJacobians(fn, inputs, input, eps)))
  if (differentiable.length === 0) {
    const moves = numerical.some((jacobians) => jacobians.some((jacobian) => jacobian.countNonzero().item() !== 0))
    return moves ? 'Numerical gradient for function expected to be zero' : null
  }
  for (const [o, [, i]] of differentiable.entries()) {
    for (const [j, jacobians] of numerical.entries()) {
      const [a, n] = [analytical[o]?.[j] as Tensor, (jacobians[i] ?? zerosLike(analytical[o]?.[j] as Tensor)) as Tensor]
      if (a.to('float64').allclose(n.to('float64'), { rtol, atol })) continue
      return `Jacobian mismatch for output ${o} with respect to input ${j},\nnumerical:${n}\nanalytical:${a}\n`
    }
  }
  return null
}

/**
 * Compares the gradients of `fn` computed by backward with numerical ones, computed by perturbing each element of each
 * input that requires a gradient. All must agree within atol + rtol |numerical|. The inputs should be float64, small,
 * and away from points where `fn` is not differentiable. They are perturbed in place, so `fn` may also access them in
 * another way: the parameters of a module can be inputs.
 *
 * @example
 * const x = torch.randn([3, 1, 2], { dtype: 'float64', requiresGrad: true })
 * torch.autograd.gradcheck((x) => lstm.forward(x)[0], x)
 * @returns `true`, or `false` for a mismatch with `raiseException: false`
 * @throws {TorchError} `ERR_TORCH_AUTOGRAD` for a mismatch, with the Jacobians (rows: inputs, columns: outputs).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html
 */
export function gradcheck(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
  ...none: undefined[]
): boolean {
  if (typeof fn !== 'function') throw torchError('ERR_TORCH_TYPE', `gradcheck() takes a function, got ${describe(fn)}`)
  checkOptions('gradcheck', options, NAMES, none)
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true, nondetTol = 0 } = options
  for (const [name, value] of Object.entries({ eps, atol, rtol, nondetTol })) {
    if (name === 'eps') requirePositive('gradcheck', name, value)
    else requireNonNegative('gradcheck', name, value)
  }
  const list = listOf('gradcheck: inputs', inputs)
  checkInputs(list)
  const wrong = tidy(() => enableGrad(() => mismatch(fn, list, { eps, atol, rtol, raiseException, nondetTol })))
  if (wrong === null) return true
  if (raiseException) throw torchError('ERR_TORCH_AUTOGRAD', wrong, { op: 'gradcheck' })
  return false
}

/**
 * Checks second derivatives: runs {@link gradcheck} on the gradients of `fn`, with respect to its inputs and to random
 * gradients of its outputs.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradgradcheck.html
 */
export function gradgradcheck(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
  ...none: undefined[]
): boolean {
  requireNone('gradgradcheck', none)
  if (typeof fn !== 'function') {
    throw torchError('ERR_TORCH_TYPE', `gradgradcheck() takes a function, got ${describe(fn)}`)
  }
  const list = listOf('gradgradcheck: inputs', inputs)
  return tidy(() => {
    const seeds = enableGrad(() => outputsOf(fn, list))
      .filter((output) => output.requiresGrad)
      .map((output) => noGrad(() => randLike(output).mul(2).sub(1)).requiresGrad_())
    const gradients: Differentiable = (...all) => {
      const own = all.slice(0, list.length)
      // First derivatives are always needed, even while the second ones are computed numerically.
      return enableGrad(() => {
        const outputs = outputsOf(fn, own).filter((output) => output.requiresGrad)
        const moving = own.filter((input) => input.requiresGrad)
        const gradOutputs = all.slice(list.length)
        return grad(outputs, moving, { gradOutputs, createGraph: true, allowUnused: true }).filter(
          (gradient) => gradient !== null,
        )
      })
    }
    return gradcheck(gradients, [...list, ...seeds], options)
  })
}
