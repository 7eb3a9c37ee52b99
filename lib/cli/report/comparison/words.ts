import type { Comparison } from '../../comparison.ts'
import { naiveTitle } from '../../measure.ts'

/** A network or a naive forecast in words. */
export const titleOf = ({ naive }: Comparison, name: string): string =>
  naive.some((one) => one.name === name) ? naiveTitle(name) : name

/** A spread in a table: two digits say enough. */
export const spreadText = (spread: number): string => String(Number(spread.toPrecision(2)))
