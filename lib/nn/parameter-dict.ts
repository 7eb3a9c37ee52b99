import { requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Dict, type DictEntries } from './dict.ts'
import type { Parameter } from './parameter.ts'
import { parameterOf, parameterRepr } from './parameter-list.ts'

/** PyTorch's legacy names of the dtypes, which it prints here. */
const TYPES: Partial<Record<DType, string>> = {
  float16: 'Half',
  bfloat16: 'BFloat16',
  float32: 'Float',
  float64: 'Double',
  complex64: 'ComplexFloat',
  complex128: 'ComplexDouble',
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  bool: 'Bool',
}

/**
 * Parameters by name, in insertion order. They belong to the module that contains the dictionary: `scales.left`.
 * Tensors become parameters.
 *
 * @example
 * scales = new nn.ParameterDict({ left: torch.ones([4]), right: torch.ones([4]) })
 * x.mul(this.scales.get('left'))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html
 */
export class ParameterDict<T extends Record<string, Tensor> = Record<string, Tensor>> extends Dict<{
  [K in keyof T]: Parameter
}> {
  constructor(values: DictEntries<T> = {} as T, ...none: undefined[]) {
    super()
    requireNone(new.target.name, none)
    this.update(values)
  }

  /** Adds a parameter, or replaces the one with this name. A tensor becomes a parameter. */
  override set<K extends keyof T & string>(name: K, value: Tensor): this {
    return super.set(name, value as Parameter)
  }

  /** Adds all values of an object, or of pairs of name and value. */
  override update(values: DictEntries<{ [K in keyof T]?: Tensor }>): this {
    return super.update(values as DictEntries<{ [K in keyof T]?: Parameter }>)
  }

  protected override get kind(): 'parameter' {
    return 'parameter'
  }

  protected override elementOf(value: unknown): Parameter {
    return parameterOf('ParameterDict', value)
  }

  override forward(): never {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'ParameterDict should not be called.')
  }

  protected override extraRepr(): string {
    return [...this.entries()]
      .map(([name, parameter]) => {
        const { dtype, device } = parameter
        const place = device === 'cpu' ? '' : `${device.replace(/:.*/, '')}.`
        return parameterRepr(name, `torch.${place}${TYPES[dtype] ?? dtype}Tensor`, parameter)
      })
      .join('\n')
  }
}
