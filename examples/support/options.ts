import { InvalidArgumentError } from 'commander'

/** A number of things, from the command line. */
export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return value
}
