// `torch.autograd`.
export { gradcheck, gradgradcheck } from './tensor/gradcheck.ts'
export { backward, grad } from './tensor/gradient.ts'
