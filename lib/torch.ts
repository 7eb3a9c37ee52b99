import './tensor/extensions.ts'
import * as members from './members.ts'
import type { TorchFunctions } from './ops/generated.ts'
import * as creation from './tensor/creation.ts'
import { functions } from './tensor/methods.ts'

/**
 * LibTorch with the API of PyTorch: creation, operations, autograd.
 *
 * @example
 * const x = torch.randn([2, 3], { requiresGrad: true })
 * x.mul(x).sum().backward()
 * console.log(x.grad)
 */
// The type is explicit: one inferred from the spread would lose the documentation of the members.
export const torch: TorchFunctions & typeof creation & typeof members = { ...functions, ...creation, ...members }
