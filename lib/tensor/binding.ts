import { native as addon, type Native } from '../native/addon.ts'
import { failure } from './failure.ts'

type AnyFunction = (...args: readonly unknown[]) => unknown

function translated(call: AnyFunction): AnyFunction {
  return (...args) => {
    try {
      return call(...args)
    } catch (thrown) {
      throw failure(thrown)
    }
  }
}

/**
 * The addon with typed errors. `packet.ts` calls operators on the addon directly, so that it can name them in errors.
 */
export const native = Object.fromEntries(
  Object.entries(addon).map(([name, member]) => [
    name,
    typeof member === 'function' ? translated(member as AnyFunction) : member,
  ]),
) as unknown as Native
