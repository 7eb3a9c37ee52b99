import { requireProbability } from '../../check.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { op } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** The new average of a tensor, from the old one, the present value, and how many values are in the old one. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor

/** Updates averages in place: lists of tensors of one device and dtype. */
export type MultiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], numAveraged: number) => void

/** All tensors in one native call: `weight` is that of the present value. LibTorch's kernel takes no integers. */
function together(one: AvgFn, weight: (numAveraged: number) => number): MultiAvgFn {
  return (averaged, current, numAveraged) => {
    const [first] = averaged
    if (first === undefined) return
    noGrad(() => {
      if (first.isFloatingPoint() || first.isComplex()) {
        op('aten::_foreach_lerp_.Scalar')(averaged, current, weight(numAveraged))
        return
      }
      averaged.forEach((average, index) => {
        tidy(() => void average.copy_(one(average, current[index] as Tensor, numAveraged)))
      })
    })
  }
}

/**
 * The exponential moving average: decay W̄ + (1 - decay) W. Default decay: 0.999.
 *
 * @example new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) })
 * @throws {TorchError} unless the decay is from 0 to 1.
 * @see https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  requireProbability('getEmaMultiAvgFn', 'decay', decay)
  return together(getEmaAvgFn(decay), () => 1 - decay)
}

/** The mean of all values so far: W̄ + (W - W̄) / (n + 1). It is the default of {@link AveragedModel}. */
export function getSwaMultiAvgFn(): MultiAvgFn {
  return together(getSwaAvgFn(), (numAveraged) => 1 / (numAveraged + 1))
}

/**
 * The same as {@link getEmaMultiAvgFn} for one tensor.
 * @throws {TorchError} unless the decay is from 0 to 1.
 */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  requireProbability('getEmaAvgFn', 'decay', decay)
  return (averaged, current) => noGrad(() => tidy(() => averaged.mul(decay).add(current.mul(1 - decay))))
}

/** The same as {@link getSwaMultiAvgFn} for one tensor. */
export function getSwaAvgFn(): AvgFn {
  return (averaged, current, numAveraged) =>
    noGrad(() => tidy(() => averaged.add(current.sub(averaged).div(numAveraged + 1))))
}
