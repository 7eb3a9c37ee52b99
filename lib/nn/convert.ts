import { noGrad, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { RecurrentModule } from './recurrent.ts'

/** @internal The options for building another network with the same layers, dtype and device. */
export function sharedOptions(module: RecurrentModule) {
  const { numLayers, bias, batchFirst, dropout, bidirectional, weight_ih_l0 } = module
  const { dtype, device } = weight_ih_l0 as Tensor
  return { numLayers, bias, batchFirst, dropout, bidirectional, dtype, device }
}

/** @internal Copies values into the parameters of a new network, layer by layer and direction by direction. */
export function copyWeights<Role extends string>(
  source: RecurrentModule,
  target: RecurrentModule,
  valuesOf: (source: (role: string) => Tensor) => Partial<Record<Role, Tensor>>,
): void {
  const directions = source.bidirectional ? ['', '_reverse'] : ['']
  const at = (module: RecurrentModule, role: string, suffix: string): Tensor =>
    module[`${role}_${suffix}` as `weight_${string}`] as Tensor
  noGrad(() =>
    tidy(() => {
      for (let layer = 0; layer < source.numLayers; layer++) {
        for (const direction of directions) {
          const suffix = `l${layer}${direction}`
          const values = valuesOf((role) => at(source, role, suffix))
          for (const [role, value] of Object.entries<Tensor | undefined>(values)) {
            if (value !== undefined) at(target, role, suffix).copy_(value)
          }
        }
      }
    }),
  )
  target.train(source.training)
}
