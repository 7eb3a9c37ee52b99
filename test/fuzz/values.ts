// Arguments as users pass them by mistake, and as attackers would.
import { createContext, runInContext } from 'node:vm'
import * as nn from '../../lib/nn/index.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import type { Random } from './random.ts'

/** What a user's own callback or proxy throws: the library passes it on. */
export class OwnError extends Error {}

const DTYPES: readonly DType[] = [
  'float32',
  'float32',
  'float64',
  'int64',
  'int32',
  'uint8',
  'bool',
  'float16',
  'bfloat16',
]
const SHAPES = [[], [1], [2], [3], [2, 3], [3, 2], [3, 3], [0], [2, 0], [2, 3, 4], [5, 2, 3], [1, 2, 3, 4], [3, 12]]
const STRINGS = [
  '',
  'mean',
  'sum',
  'none',
  'cpu',
  'cuda',
  'meta',
  'int64',
  'float32',
  'tanh',
  'ij,jk->ik',
  '...',
  'a.b',
  '__proto__',
  'constructor',
  'file.safetensors',
  'missing/file.pt',
  '\0',
  'x'.repeat(300),
]
const NUMBERS = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  0.5,
  -1.5,
  1e-300,
  1e300,
  -1e18,
  2 ** 53,
  -(2 ** 63),
  Number.MAX_SAFE_INTEGER,
]
const NAMES = [
  'dim',
  'dims',
  'keepdim',
  'dtype',
  'device',
  'shape',
  'size',
  'lr',
  'options',
  'bias',
  'training',
  'batchFirst',
  'numLayers',
  'reduction',
  'weight',
  'params',
  'optimizer',
  'then',
  'length',
  'signal',
  'batchSize',
  'epochs',
]

const realm = createContext({})

export function tensor(random: Random): Tensor {
  const shape = random.chance(0.7) ? random.pick(SHAPES) : random.list(4, () => random.int(0, 4))
  const low = random.int(-3, 2)
  let made = torch.randint(low, low + 4, shape).to(random.pick(DTYPES))
  if (made.ndim > 1 && random.chance(0.2)) made = made.transpose(0, -1)
  if (random.chance(0.1)) made = torch.ones([1]).expand(shape.length > 0 ? shape : [2])
  if (made.dtype.startsWith('float') && random.chance(0.2)) made = made.detach().requiresGrad_()
  if (made.requiresGrad && random.chance(0.5)) return made.mul(1)
  return made
}

/** Tensors that are seldom met. */
function oddTensor(random: Random): unknown {
  switch (random.int(0, 8)) {
    case 0: {
      const made = torch.zeros([2])
      made.dispose()
      return made
    }
    case 1:
      return torch.complex(torch.ones([2, 2]), torch.zeros([2, 2])).conj()
    case 2:
      return torch.ops.aten._efficientzerotensor?.([2, 3])
    case 3:
      return torch.inferenceMode(() => torch.ones([2, 3]))
    case 4:
      return torch.full([3], Number.NaN)
    case 5:
      return new nn.Parameter(torch.ones([2, 3]))
    case 6:
      return torch.ops.aten._neg_view?.(torch.ones([2, 3]))
    default:
      return torch.ops.aten.to_sparse?.(torch.ones([2, 2]))
  }
}

const throwing = (): never => {
  throw new OwnError('of the user')
}

function proxy(random: Random): unknown {
  const target = random.pick<() => object>([() => ({}), () => [1, 2], () => throwing, () => torch.ones([2])])()
  if (random.chance(0.1)) {
    const { proxy, revoke } = Proxy.revocable(target, {})
    revoke()
    return proxy
  }
  return random.chance(0.5)
    ? new Proxy(target, { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing })
    : new Proxy(target, {})
}

function otherRealm(random: Random): unknown {
  const code = random.pick([
    '[1, 2, 3]',
    '({ dim: 0 })',
    'new Float32Array(4)',
    'new Map([[1, 2]])',
    'new Error("x")',
    'Promise.resolve(1)',
    '(() => 1)',
    'new Date(0)',
    '[[1, 2], [3, 4]]',
  ])
  return runInContext(code, realm)
}

function typedArray(random: Random): unknown {
  const length = random.int(0, 7)
  switch (random.int(0, 9)) {
    case 0:
      return new Float32Array(length)
    case 1:
      return new Float64Array(length)
    case 2:
      return new BigInt64Array(length)
    case 3:
      return new Uint8Array(length)
    case 4:
      return new Uint16Array(length)
    case 5:
      return new Uint32Array(length)
    case 6:
      return new DataView(new ArrayBuffer(length))
    case 7:
      return new Float32Array(new SharedArrayBuffer(4 * length))
    default: {
      const array = new Float32Array(length)
      structuredClone(array.buffer, { transfer: [array.buffer] })
      return array
    }
  }
}

function callback(random: Random): unknown {
  return random.pick<unknown>([
    () => 1,
    () => undefined,
    (x: unknown) => x,
    throwing,
    async () => 1,
    async () => throwing(),
    () => torch.ones([2], { requiresGrad: true }).sum(),
    function* () {
      yield torch.ones([2])
    },
    class {},
  ])
}

function array(random: Random, depth: number): unknown {
  if (random.chance(0.1)) return new Array(random.int(1, 4))
  if (random.chance(0.1)) return Object.assign(new Array(3), { 0: torch.ones([2]), 2: torch.ones([2]) })
  if (random.chance(0.05)) {
    const endless: unknown[] = []
    endless.push(endless)
    return endless
  }
  return random.list(4, () => hostile(random, depth + 1))
}

function object(random: Random, depth: number): unknown {
  if (random.chance(0.1)) return Object.create(null)
  if (random.chance(0.1)) return Object.create(torch.Tensor.prototype)
  if (random.chance(0.1)) {
    return {
      get [random.pick(NAMES)](): never {
        return throwing()
      },
    }
  }
  return Object.fromEntries(random.list(3, () => [random.pick(NAMES), hostile(random, depth + 1)]))
}

const iterables = (random: Random, depth: number): unknown =>
  random.pick<() => unknown>([
    () => new Map([[hostile(random, depth + 1), hostile(random, depth + 1)]]),
    () => new Set([hostile(random, depth + 1)]),
    () => random.list(3, () => tensor(random)).values(),
    () => ({ [Symbol.iterator]: throwing }),
    () => ({ length: 2, 0: torch.ones([2]), 1: torch.ones([2]) }),
    () => new nn.Linear(2, 3).parameters(),
    () => Object.entries(new nn.Linear(2, 3).stateDict()),
  ])()

/** Instances of the library that are given in the wrong place. */
function ours(random: Random): unknown {
  return random.pick<() => unknown>([
    () => new nn.Linear(2, 3),
    () => new nn.LSTM(3, 4),
    () => new nn.LSTM(3, 4).stateDict(),
    () => torch.slice(0, 1),
    () => nn.utils.rnn.packSequence([torch.ones([2, 3]), torch.ones([1, 3])]),
    () => torch,
    () => nn.Linear,
  ])()
}

/** A value of any kind. */
export function hostile(random: Random, depth = 0): unknown {
  const kind = random.int(0, depth > 2 ? 60 : 100)
  if (kind < 30) return tensor(random)
  if (kind < 42) return random.int(-3, 7)
  if (kind < 46) return random.pick(NUMBERS)
  if (kind < 50) return random.pick(STRINGS)
  if (kind < 54) return random.pick([null, undefined, true, false, Symbol('s'), 1n, -1n, 10n ** 30n])
  if (kind < 57) return typedArray(random)
  if (kind < 60) return callback(random)
  if (kind < 68) return random.list(4, () => random.int(-1, 5))
  if (kind < 74) return random.list(3, () => tensor(random))
  if (kind < 80) return array(random, depth)
  if (kind < 88) return object(random, depth)
  if (kind < 91) return iterables(random, depth)
  if (kind < 94) return proxy(random)
  if (kind < 96) return otherRealm(random)
  if (kind < 98) return oddTensor(random)
  return ours(random)
}

/** A value of an operator's argument type, or now and then of any kind. */
export function ofType(random: Random, type: string): unknown {
  if (random.chance(0.06)) return hostile(random)
  if (type.endsWith('?')) return random.chance(0.3) ? null : ofType(random, type.slice(0, -1))
  const list = type.match(/^(.*)\[\d*\]$/)
  if (list !== null) return random.list(4, () => ofType(random, list[1] as string))
  switch (type) {
    case 'Tensor':
      return random.chance(0.05) ? oddTensor(random) : tensor(random)
    case 'int':
    case 'SymInt':
      return random.chance(0.05) ? random.pick([2 ** 53 - 1, -(2 ** 53) + 1]) : random.int(-3, 7)
    case 'float':
    case 'Scalar':
      return random.chance(0.2) ? random.pick(NUMBERS) : random.int(-12, 13) / 4
    case 'bool':
      return random.chance(0.5)
    case 'ScalarType':
      return random.pick(DTYPES)
    case 'str':
      return random.pick(STRINGS)
    default:
      return hostile(random)
  }
}
