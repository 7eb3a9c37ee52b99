import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'

/** ATen's `ScalarType` numbers, by the name that PyTorch prints after `torch.`. */
const SCALAR_TYPES = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  complex64: 9,
  complex128: 10,
  bool: 11,
  bfloat16: 15,
} as const

/** The type of a tensor's elements. */
export type DType = keyof typeof SCALAR_TYPES

const NAMES = new Map<number, DType>(Object.entries(SCALAR_TYPES).map(([name, code]) => [code, name as DType]))

/** All names in {@link DType}. */
export const DTYPES = Object.keys(SCALAR_TYPES) as readonly DType[]

/** @internal */
export function scalarTypeOf(dtype: unknown): number {
  const code =
    typeof dtype === 'string' && Object.hasOwn(SCALAR_TYPES, dtype) ? SCALAR_TYPES[dtype as DType] : undefined
  if (code === undefined) {
    throw torchError('ERR_TORCH_DTYPE', `dtype must be one of ${DTYPES.join(', ')}, got ${describe(dtype)}`)
  }
  return code
}

/** @internal */
export function dtypeOf(scalarType: number): DType {
  const name = NAMES.get(scalarType)
  if (name === undefined) {
    throw torchError('ERR_TORCH_DTYPE', `LibTorch's scalar type ${scalarType} has no JavaScript name here`)
  }
  return name
}

/** @internal The bytes of one element. */
export function itemSizeOf(dtype: DType): number {
  const bits = dtype === 'bool' ? 8 : Number(/\d+$/.exec(dtype)?.[0])
  return bits / 8
}

export function isFloatingPoint(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16'
}

export function isComplex(dtype: DType): boolean {
  return dtype === 'complex64' || dtype === 'complex128'
}
