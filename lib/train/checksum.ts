import { Buffer } from 'node:buffer'
import { createHash, webcrypto } from 'node:crypto'
import { type Coroutine, perform, run } from '../io/coroutine.ts'
import { checkUnchanged, sourceOf, withBytes } from '../io/source.ts'
import { getBytes } from '../tensor/memory.ts'
import type { Tensor } from '../tensor/tensor.ts'

const PIECE = 1 << 22
/** What takes a millisecond is done at once: another thread gets a copy, and the way there takes longer. */
const SMALL = 1 << 20

/** The SHA-256 of the SHA-256 of each 4 MiB: so that each is one piece of work for another thread. */
class Checksum {
  readonly #piece: Buffer
  readonly #all = createHash('sha256')
  #used = 0

  constructor(size: number) {
    this.#piece = Buffer.allocUnsafeSlow(Math.max(1, Math.min(size, PIECE)))
  }

  /** Appends `length` bytes; `fill` writes them piece by piece to the given places. */
  *write(length: number, fill: (target: Uint8Array, offset: number) => void): Coroutine<void> {
    for (let offset = 0; offset < length; ) {
      const size = Math.min(length - offset, PIECE - this.#used)
      fill(this.#piece.subarray(this.#used, this.#used + size), offset)
      offset += size
      this.#used += size
      if (this.#used === PIECE) yield* this.#flush()
    }
  }

  *bytes(bytes: Uint8Array): Coroutine<void> {
    yield* this.write(bytes.length, (target, offset) => target.set(bytes.subarray(offset, offset + target.length)))
  }

  *#flush(): Coroutine<void> {
    const piece = this.#piece.subarray(0, this.#used)
    const hash = (): Uint8Array => createHash('sha256').update(piece).digest()
    const digest = yield* perform(hash, async () =>
      piece.length <= SMALL ? hash() : new Uint8Array(await webcrypto.subtle.digest('SHA-256', piece)),
    )
    this.#all.update(digest)
    this.#used = 0
  }

  *end(): Coroutine<string> {
    yield* this.#flush()
    return this.#all.digest('hex')
  }
}

/**
 * A checksum of a text, and of tensors: their names, dtypes, shapes and bytes. What is large is computed off the main thread.
 *
 * @throws {TorchError} (rejects) if a tensor is changed meanwhile.
 */
export async function checksumOf(text: string, tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const names = Object.keys(tensors).sort()
  const sources = names.map((name) => sourceOf(name, tensors[name] as Tensor))
  const line = (value: string): Buffer => Buffer.from(`${value}\n`)
  const parts = sources.map((source) => {
    const { dtype, shape, numel } = source.tensor
    const length = numel * source.tensor.elementSize()
    return { source, length, head: line(JSON.stringify([source.name, dtype, shape])) }
  })
  const first = line(text)
  const size = parts.reduce((sum, { head, length }) => sum + head.length + length, first.length)
  return await run(
    (function* () {
      const checksum = new Checksum(size)
      yield* checksum.bytes(first)
      for (const { source, head, length } of parts) {
        yield* checksum.bytes(head)
        yield* withBytes(source, (packed) =>
          checksum.write(length, (target, offset) => getBytes(packed, offset, target)),
        )
      }
      const sum = yield* checksum.end()
      for (const source of sources) checkUnchanged('save', source)
      return sum
    })(),
  )
}
