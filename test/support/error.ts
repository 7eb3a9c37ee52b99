import { expect } from 'vitest'
import { type ErrorCode, TorchError } from '../../lib/errors.ts'

/** Calls `fn`, which must throw a {@link TorchError} with this code and message; returns the error. */
export function expectError(fn: () => unknown, code: ErrorCode, message: RegExp | string): TorchError {
  let thrown: unknown
  try {
    fn()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(TorchError)
  const error = thrown as TorchError
  expect(error.message).toMatch(message)
  expect(error.code).toBe(code)
  return error
}

/** The same for a promise, which must reject. */
export async function expectRejection(
  promise: Promise<unknown>,
  code: ErrorCode,
  message: RegExp | string,
): Promise<TorchError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  return expectError(
    () => {
      throw thrown
    },
    code,
    message,
  )
}
