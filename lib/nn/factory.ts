import type { DType } from '../tensor/dtype.ts'
import type { Device } from '../tensor/tensor.ts'

/** Where and as what a module's parameters are made. */
export interface FactoryOptions {
  /** Default `'cpu'`. */
  device?: Device
  /** Default `'float32'`. */
  dtype?: DType
}

/** @internal Those of a module's options that the creation of its parameters takes. */
export function factoryOf({ device, dtype }: FactoryOptions): FactoryOptions {
  return { ...(device === undefined ? {} : { device }), ...(dtype === undefined ? {} : { dtype }) }
}
