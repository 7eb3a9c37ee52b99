type Part = string | number | Uint8Array

/** Bytes, from text (a byte each), numbers and bytes. */
export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : Buffer.from(part as string, 'latin1'))),
  )
}

/** A pickle of protocol 2. */
export function pickle(...parts: readonly Part[]): Buffer {
  return bytes(0x80, 2, ...parts, '.')
}

export function uint32(value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32LE(value)
  return four
}

/** BINUNICODE */
export function text(value: string): Buffer {
  const content = Buffer.from(value)
  return bytes('X', uint32(content.length), content)
}

/** BININT */
export function integer(value: number): Buffer {
  return bytes('J', uint32(value))
}

/** The integers from 0 up to, not including, `count`. */
export function integers(count: number): Buffer {
  const all = repeat(integer(0), count)
  for (let i = 0; i < count; i++) all.writeUInt32LE(i, 5 * i + 1)
  return all
}

/** A part, repeated. */
export function repeat(part: Part, count: number): Buffer {
  const one = bytes(part)
  return Buffer.alloc(one.length * count, one)
}

/** Concatenates parts. */
export function concat(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
}

/** `collections.OrderedDict`, as GLOBAL */
export function global(name: string): string {
  const end = name.lastIndexOf('.')
  return `c${name.slice(0, end)}\n${name.slice(end + 1)}\n`
}

/** A storage by its persistent id. */
export function storage(key: string, type: string, numel: Uint8Array | string, location = 'cpu'): Buffer {
  return bytes('(', text('storage'), `ctorch\n${type}\n`, text(key), text(location), numel, 'tQ')
}
