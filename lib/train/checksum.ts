import { Buffer } from 'node:buffer'
import { createHash, webcrypto } from 'node:crypto'
import { type Coroutine, perform, run } from '../io/coroutine.ts'
import { checkUnchanged, sourceOf, withBytes } from '../io/source.ts'
import { getBytes } from '../tensor/memory.ts'
import type { Tensor } from '../tensor/tensor.ts'

const PIECE = 1 << 22

/** The SHA-256 of the SHA-256 of each 4 MiB: so that each is one piece of work for another thread. */
class Checksum {
  readonly #piece: Buffer
  readonly #all = createHash('sha256')
  #used = 0

  constructor() {
    this.#piece = Buffer.allocUnsafeSlow(PIECE)
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

  *text(text: string): Coroutine<void> {
    const bytes = Buffer.from(`${text}\n`)
    yield* this.write(bytes.length, (target, offset) => target.set(bytes.subarray(offset, offset + target.length)))
  }

  *#flush(): Coroutine<void> {
    const piece = this.#piece.subarray(0, this.#used)
    const digest = yield* perform(
      () => createHash('sha256').update(piece).digest(),
      async () => new Uint8Array(await webcrypto.subtle.digest('SHA-256', piece)),
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
 * A checksum of a text, and of tensors: their names, dtypes, shapes and bytes. It is computed off the main thread.
 *
 * @throws {TorchError} (rejects) if a tensor is changed meanwhile.
 */
export async function checksumOf(text: string, tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const names = Object.keys(tensors).sort()
  const sources = names.map((name) => sourceOf(name, tensors[name] as Tensor))
  return await run(
    (function* () {
      const checksum = new Checksum()
      yield* checksum.text(text)
      for (const source of sources) {
        const { name, tensor } = source
        const { dtype, shape, numel } = tensor
        yield* checksum.text(JSON.stringify([name, dtype, shape]))
        const length = numel * tensor.elementSize()
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
