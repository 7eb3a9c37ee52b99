/** The version of LibTorch that `libtorch-rnn install` installs. */
export const PINNED = '2.13.0'

/** A range of minor versions, both ends included: `{ from: '2.11', to: '2.14' }`. */
export interface VersionRange {
  from: string
  to: string
}

/**
 * The versions that the native sources compile with. A compiled addon runs only with the minor version it was compiled
 * with.
 */
export const BUILDABLE: VersionRange = { from: '2.11', to: '2.14' }

// Of https://packaging.python.org/en/latest/specifications/version-specifiers, what PyTorch uses.
const VERSION = /^(\d{1,4}\.\d{1,4}\.\d{1,4}(?:\.?(?:a|b|rc|post|dev)\d{1,12})*)(?:\+[a-z0-9]+(?:[._-][a-z0-9]+)*)?$/i

/** `2.13.0` of `2.13.0+cpu`, `2.13.0a0` of `2.13.0a0+git123`; `undefined` if the text is not a version. */
export function publicVersion(text: string): string | undefined {
  return VERSION.exec(text)?.[1]
}

function parts(version: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return [major, minor]
}

/** `2.13` of `2.13.0+cpu` */
export function minorOf(version: string): string {
  return parts(version).join('.')
}

/** The range with only the minor version of `version`. */
export function sameMinor(version: string): VersionRange {
  return { from: minorOf(version), to: minorOf(version) }
}

/** Compares minor versions; a patch release does not change what LibTorch exports. */
export function inRange(version: string, range: VersionRange): boolean {
  const order = (a: string, b: string): number => {
    const [first, second] = [parts(a), parts(b)]
    return first[0] - second[0] || first[1] - second[1]
  }
  return order(version, range.from) >= 0 && order(version, range.to) <= 0
}

/** `2.13`, or `2.11 to 2.14` */
export function showRange(range: VersionRange): string {
  return range.from === range.to ? range.from : `${range.from} to ${range.to}`
}
