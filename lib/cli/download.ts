import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SingleBar } from 'cli-progress'
import { LibTorchError } from '../errors.ts'

function failure(url: URL, reason: string, cause?: unknown): LibTorchError {
  const next = 'Download it by other means and give the file: npx libtorch-rnn install --from <file>'
  return new LibTorchError(`${url} cannot be fetched: ${reason}.\n${next}`, { cause })
}

/** Downloads `url` into `file` and returns the SHA-256 of what came, in hexadecimal. */
export async function download(url: URL, file: string): Promise<string> {
  console.error(`Fetching ${url}`)
  const hash = createHash('sha256')
  const bar = new SingleBar({ format: '{bar} {percentage}% of {size} MB', stream: process.stderr })
  try {
    const response = await fetch(url)
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status} ${response.statusText}`)
    const bytes = Number(response.headers.get('content-length'))
    if (bytes > 0 && process.stderr.isTTY) bar.start(bytes, 0, { size: Math.round(bytes / 1e6) })
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk)
        bar.increment(chunk.length)
        done(null, chunk)
      },
    })
    await pipeline(
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
      tap,
      createWriteStream(file),
    )
  } catch (cause) {
    const { message, cause: deeper } = cause as Error
    throw failure(url, deeper instanceof Error ? deeper.message : message, cause)
  } finally {
    bar.stop()
  }
  return hash.digest('hex')
}
