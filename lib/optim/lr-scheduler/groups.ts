import { isArrayOf } from '../../array.ts'
import { invalid } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { Optimizer } from '../optimizer.ts'

/** An optimizer whose groups have a learning rate. */
export type ScheduledOptimizer = Optimizer<{ lr: number }>

/** A group of parameters as schedules see it. Apart from `lr`, the names are those that PyTorch adds to its groups. */
export interface ScheduledGroup {
  lr: number
  initialLr?: number
  maxLr?: number
  minLr?: number
  swaLr?: number
  momentum?: number
  betas?: readonly [number, number]
  maxMomentum?: number
  baseMomentum?: number
}

/** @throws {TorchError} unless `optimizer` is one, and its groups have learning rates. */
export function requireOptimizer(name: string, optimizer: unknown): asserts optimizer is ScheduledOptimizer {
  if (!(optimizer instanceof Optimizer)) throw invalid(name, 'optimizer', 'an Optimizer', optimizer)
  for (const { lr } of groupsOf(optimizer as ScheduledOptimizer)) {
    if (typeof lr !== 'number') throw invalid(name, "the optimizer's lr", 'a number', lr)
  }
}

export function groupsOf(optimizer: ScheduledOptimizer): ScheduledGroup[] {
  return optimizer.paramGroups
}

/**
 * A setting of each group: the given ones, or the same for all.
 *
 * @throws {TorchError} unless it is a number, or an array with one for each group.
 */
export function perGroup(
  owner: string,
  name: string,
  optimizer: ScheduledOptimizer,
  value: number | readonly number[],
): number[] {
  const { length } = optimizer.paramGroups
  if (typeof value === 'number') return Array.from({ length }, () => value)
  if (!isArrayOf(value, (one) => typeof one === 'number')) {
    throw invalid(owner, name, 'a number, or an array with one for each group', value)
  }
  if (value.length === length) return [...value]
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: ${name} must have the same length as optimizer.paramGroups. ${name} has ${value.length} values, paramGroups has ${length}.`,
    { op: owner },
  )
}

/** @throws {TorchError} unless the optimizer has a momentum, as such or as the first of its betas. */
export function requireMomentum(owner: string, optimizer: ScheduledOptimizer): void {
  if (groupsOf(optimizer).every((group) => group.betas !== undefined || group.momentum !== undefined)) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: optimizer must support momentum or beta1 with \`cycleMomentum\` option enabled; ${optimizer.constructor.name} has neither: pass { cycleMomentum: false }`,
    { op: owner },
  )
}

/** Sets the momentum of a group: the first of its betas if there are any. */
export function setMomentum(group: ScheduledGroup, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, group.betas[1]]
  else group.momentum = momentum
}

/** Sets the momentum at the beginning of a cycle, and both bounds: where they are given. */
export function beginMomentum(group: ScheduledGroup, base: number | undefined, max: number | undefined): void {
  if (base === undefined || max === undefined) return
  setMomentum(group, max)
  group.maxMomentum = max
  group.baseMomentum = base
}

const version = tensorOp('aten::_version') as unknown as (tensor: unknown) => number

/** The number of changes to the parameters so far. */
export function changesOf(optimizer: ScheduledOptimizer): number {
  let sum = 0
  for (const { params } of optimizer.paramGroups) {
    for (const param of params) if (!param.isInference()) sum += version(param)
  }
  return sum
}
