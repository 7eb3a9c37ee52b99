import type { Constraint } from './distribution.ts'

export const real: Constraint = { name: 'real numbers', holds: (value) => value.eq(value) }
export const positive: Constraint = { name: 'greater than 0', holds: (value) => value.gt(0) }
export const unitInterval: Constraint = {
  name: 'between 0 and 1',
  holds: (value) => value.ge(0).logicalAnd(value.le(1)),
}
export const boolean: Constraint = { name: '0 or 1', holds: (value) => value.eq(0).logicalOr(value.eq(1)) }

/** The integers from 0 to `last`. */
export function upTo(last: number): Constraint {
  return {
    name: `integers from 0 to ${last}`,
    holds: (value) => value.eq(value.floor()).logicalAnd(value.ge(0)).logicalAnd(value.le(last)),
  }
}

/** Along the last dimension, no element is negative, and not all are 0. */
export const weights: Constraint = {
  name: 'at least 0, and one of each row greater than 0',
  holds: (value) => value.ge(0).logicalAnd(value.sum(-1, true).gt(0)),
}
