import { requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { List } from './list.ts'
import { Parameter } from './parameter.ts'

/** @internal The given parameter, or a new one made from the given tensor. */
export function parameterOf(op: string, value: unknown): Parameter {
  if (value instanceof Parameter) return value
  if (isTensor(value)) return new Parameter(value)
  throw torchError('ERR_TORCH_TYPE', `${op}: expected an nn.Parameter or a Tensor, got ${describe(value)}`, { op })
}

/** @internal One parameter of a list or dictionary as PyTorch prints it, indented. */
export function parameterRepr(name: string | number, type: string, { shape, device }: Parameter): string {
  const place = device === 'cpu' ? '' : ` (${device})`
  return `  (${name}): Parameter containing: [${type} of size ${shape.join('x')}${place}]`
}

/**
 * A list of parameters. They belong to the module that contains the list: `weights.0`. Tensors become parameters.
 *
 * @example
 * weights = new nn.ParameterList([torch.randn([4, 4]), torch.randn([4, 4])])
 * for (const weight of this.weights) x = x.matmul(weight)
 * this.weights[0]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ParameterList.html
 */
export class ParameterList extends List<Parameter> {
  constructor(values: Iterable<Tensor> = [], ...none: undefined[]) {
    super()
    requireNone(new.target.name, none)
    this.extend(values)
  }

  /** Appends a parameter. A tensor becomes a parameter. */
  override append(value: Tensor): this {
    return super.append(value as Parameter)
  }

  /** Appends several parameters. Tensors become parameters. */
  override extend(values: Iterable<Tensor>): this {
    // A tensor is iterable, too, but its rows are not meant here.
    return super.extend((isTensor(values) ? undefined : values) as Iterable<Parameter>)
  }

  /** Inserts a parameter at `index`; the parameters from there on move up by one. */
  override insert(index: number, value: Tensor): this {
    return super.insert(index, value as Parameter)
  }

  protected override get kind(): 'parameter' {
    return 'parameter'
  }

  protected override isElement(value: unknown): value is Parameter {
    return value instanceof Parameter
  }

  protected override elementOf(value: unknown): Parameter {
    return parameterOf('ParameterList', value)
  }

  override forward(): never {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'ParameterList should not be called.')
  }

  protected override extraRepr(): string {
    return [...this].map((parameter, i) => parameterRepr(i, `torch.${parameter.dtype}`, parameter)).join('\n')
  }
}
