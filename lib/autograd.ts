// `torch.autograd`.
export { detectAnomaly, setDetectAnomaly } from './tensor/anomaly.ts'
export { AutogradFunction as Function } from './tensor/function.ts'
export * as functional from './tensor/functional.ts'
export { gradcheck, gradgradcheck } from './tensor/gradcheck.ts'
export { backward, grad } from './tensor/gradient.ts'
