export * from './activation.ts'
export * from './distance.ts'
export * from './layer.ts'
export * from './loss.ts'
