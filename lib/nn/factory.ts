import type { DType } from '../tensor/dtype.ts'
import type { Device } from '../tensor/tensor.ts'

/** The device and dtype of a module's parameters. */
export interface FactoryOptions {
  /** Default `'cpu'`. */
  device?: Device
  /** Default `'float32'`. */
  dtype?: DType
}

/** @internal Picks the options that are used to create a module's parameters. */
export function factoryOf({ device, dtype }: FactoryOptions): FactoryOptions {
  return { ...(device === undefined ? {} : { device }), ...(dtype === undefined ? {} : { dtype }) }
}
