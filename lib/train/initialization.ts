import { checkOptions, invalid, requireFunction, requireNumber } from '../check.ts'
import { messageOf, torchError } from '../errors.ts'
import { Embedding } from '../nn/embedding.ts'
import {
  constant_,
  eye_,
  forgetBias_,
  kaimingNormal_,
  kaimingUniform_,
  orthogonal_,
  xavierNormal_,
  xavierUniform_,
} from '../nn/init.ts'
import { Linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import { isPromise, noGrad, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'

const MATRICES = {
  xavierUniform: xavierUniform_,
  xavierNormal: xavierNormal_,
  kaimingUniform: kaimingUniform_,
  kaimingNormal: kaimingNormal_,
  orthogonal: orthogonal_,
  eye: eye_,
} as const satisfies Record<string, (tensor: Tensor) => Tensor>

/** The name of a function of `nn.init` for matrices, without its underscore. */
export type InitializerName = keyof typeof MATRICES

/**
 * The first values of a matrix: the name of a function of `nn.init`, a number for all elements, or a function that fills
 * the tensor that it gets, such as `(weight) => nn.init.orthogonal_(weight, 0.9)`.
 */
export type Initializer = InitializerName | number | ((tensor: Tensor) => unknown)

/**
 * The first values of parameters, by their kind. In recurrent networks and cells each gate has a matrix and a bias of its
 * own, which are the rows of one parameter: they are initialized one by one.
 */
export interface InitOptions {
  /** The matrices of each gate for the input, (H, I): `weight_ih…`. */
  input?: Initializer
  /** The matrices of each gate for the hidden state, (H, H): `weight_hh…`. */
  recurrent?: Initializer
  /** The weights of linear layers, (out, in), such as that of the head. */
  linear?: Initializer
  /** The tables of embeddings. The vector at a `paddingIdx` stays zero. A table that is also the head's weight is here. */
  embedding?: Initializer
  /** The biases of recurrent networks and linear layers: a number, or a function. */
  bias?: Exclude<Initializer, string>
  /** The bias of the forget gates of LSTMs, after `bias`: see `nn.init.forgetBias_`. */
  forgetBias?: number
}

type Kind = Exclude<keyof InitOptions, 'forgetBias'>

const KINDS: readonly Kind[] = ['input', 'recurrent', 'linear', 'embedding', 'bias']

/** @throws {TorchError} for an unknown kind, or a value that is no initializer. */
export function requireInit(owner: string, init: unknown): asserts init is InitOptions {
  const name = `${owner}: init`
  checkOptions(name, init, [...KINDS, 'forgetBias'])
  const { forgetBias, ...kinds } = init as InitOptions
  if (forgetBias !== undefined) requireFinite(name, 'forgetBias', forgetBias)
  for (const [kind, value] of Object.entries(kinds)) {
    if (value === undefined) continue
    if (typeof value === 'number') {
      requireFinite(name, kind, value)
      continue
    }
    if (kind === 'bias') {
      if (typeof value !== 'function') throw invalid(name, kind, 'a number or a function', value)
    } else if (typeof value !== 'string') {
      requireFunction(name, kind, value)
    } else if (!Object.hasOwn(MATRICES, value)) {
      const wanted = `${Object.keys(MATRICES).join(', ')}, a number or a function`
      throw invalid(name, kind, wanted, value, 'ERR_TORCH_VALUE')
    }
  }
}

function requireFinite(owner: string, name: string, value: unknown): void {
  requireNumber(owner, name, value)
  if (!Number.isFinite(value)) throw invalid(owner, name, 'a finite number', value, 'ERR_TORCH_VALUE')
}

/** A parameter to initialize. */
interface Found {
  readonly kind: Kind
  readonly path: string
  readonly module: Module
  readonly parameter: Parameter
}

/**
 * Gives the parameters of a model their first values.
 *
 * @throws {TorchError} if the model has no parameter of a kind, or an initializer does not fit one.
 */
export function initialize(owner: string, model: Module, init: InitOptions): void {
  const found = parametersOf(model)
  for (const kind of KINDS) {
    const initializer = init[kind]
    if (initializer === undefined) continue
    const own = found.filter((one) => one.kind === kind)
    if (own.length === 0) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${owner}: init.${kind} has no effect: ${model.constructor.name} has no parameter of this kind`,
      )
    }
    tidy(() =>
      noGrad(() => {
        for (const { path, module, parameter } of own) {
          for (const part of partsOf(module, parameter)) fill(`${owner}: init.${kind}: ${path}`, part, initializer)
          if (module instanceof Embedding && module.paddingIdx !== null) parameter.select(0, module.paddingIdx).zero_()
        }
      }),
    )
  }
  const { forgetBias } = init
  if (forgetBias !== undefined) forgetBias_(model, forgetBias)
}

function parametersOf(model: Module): Found[] {
  const seen = new Set<Parameter>()
  const found: Found[] = []
  // Embeddings first: the head may share the table of one.
  const modules = [...model.namedModules()].sort(([, a], [, b]) => rank(a) - rank(b))
  for (const [prefix, module] of modules) {
    for (const [name, parameter] of module.namedParameters()) {
      const kind = name.includes('.') || seen.has(parameter) ? undefined : kindOf(module, name)
      if (kind === undefined) continue
      seen.add(parameter)
      const path = prefix === '' ? name : `${prefix}.${name}`
      found.push({ kind, path, module, parameter })
    }
  }
  return found
}

function rank(module: Module): number {
  return module instanceof Embedding ? 0 : 1
}

function kindOf(module: Module, name: string): Kind | undefined {
  if (module instanceof Embedding) return name === 'weight' ? 'embedding' : undefined
  if (module instanceof Linear) return name === 'weight' ? 'linear' : name === 'bias' ? 'bias' : undefined
  if (!('hiddenSize' in module)) return undefined
  if (/^weight_ih(_l\d|$)/.test(name)) return 'input'
  if (/^weight_hh(_l\d|$)/.test(name)) return 'recurrent'
  return /^bias(_ih|_hh|_hn)?(_l\d|$)/.test(name) ? 'bias' : undefined
}

/** The parts of a parameter of a recurrent network that belong to a gate each; the whole of any other. */
function partsOf(module: Module, parameter: Parameter): Tensor[] {
  const { hiddenSize } = module as { hiddenSize?: unknown }
  const rows = parameter.size(0)
  if (typeof hiddenSize !== 'number' || hiddenSize === 0 || rows % hiddenSize !== 0) return [parameter]
  return Array.from({ length: rows / hiddenSize }, (_, gate) => parameter.narrow(0, gate * hiddenSize, hiddenSize))
}

function fill(name: string, tensor: Tensor, initializer: Initializer): void {
  if (typeof initializer === 'number') {
    constant_(tensor, initializer)
    return
  }
  try {
    const result = typeof initializer === 'string' ? MATRICES[initializer](tensor) : initializer(tensor)
    if (!isPromise(result)) return
    // What fails later has nobody to tell.
    Promise.resolve(result).catch(() => {})
  } catch (error) {
    throw torchError('ERR_TORCH_VALUE', `${name}: ${messageOf(error)}`, { cause: error })
  }
  throw torchError('ERR_TORCH_TYPE', `${name}: the function must fill the tensor at once, but it returned a promise`)
}
