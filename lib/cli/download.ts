import { createWriteStream, statSync } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { type Dispatcher, EnvHttpProxyAgent, fetch, type Response } from 'undici'
import { LibTorchError } from '../errors.ts'
import { sha256Of } from './checksum.ts'

/** Options of a download. */
export interface DownloadOptions {
  /** How often to reconnect after a broken connection. Default 5. */
  retries?: number
  /** How long the server may stay silent, in milliseconds. Default 30,000. */
  timeout?: number
}

/** A server's answer that a retry would not change. */
class Refusal extends Error {}

/** The URL in printable form: without a password, and without a query, which may contain a token. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

function failure(url: URL, cause: unknown): LibTorchError {
  const { message, cause: deeper } = cause as Error
  const reason = deeper instanceof Error ? deeper.message || (deeper as NodeJS.ErrnoException).code : message
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy } = process.env
  const proxy = HTTPS_PROXY ?? https_proxy ?? HTTP_PROXY ?? http_proxy
  const via = proxy && URL.canParse(proxy) ? ` (through the proxy ${new URL(proxy).host})` : ''
  return new LibTorchError(`${shown(url)} cannot be fetched${via}: ${reason}.`, { cause })
}

// Node's own fetch supports proxies only since version 24.
function agent(timeout: number): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({ headersTimeout: timeout, bodyTimeout: timeout, connect: { timeout } })
}

async function request(url: URL, dispatcher: Dispatcher, headers: Record<string, string> = {}): Promise<Response> {
  const plain = new URL(url)
  const { username, password } = url
  plain.username = ''
  plain.password = ''
  const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  const authorization: Record<string, string> = username ? { authorization: `Basic ${secret}` } : {}
  const response = await fetch(plain, { dispatcher, headers: { ...headers, ...authorization } })
  if (response.ok || response.status === 416) return response
  await response.body?.cancel()
  const said = `the server answered ${response.status} ${response.statusText}`.trimEnd()
  throw response.status >= 500 || response.status === 429 ? new Error(said) : new Refusal(said)
}

/** A text from a server, such as a page of an index. */
export async function fetchText(url: URL, { timeout = 30_000 }: DownloadOptions = {}): Promise<string> {
  const dispatcher = agent(timeout)
  try {
    return await (await request(url, dispatcher)).text()
  } catch (cause) {
    throw failure(url, cause)
  } finally {
    await dispatcher.destroy()
  }
}

/** Shows the progress: a bar on a terminal, else a line for each quarter. */
function progress(bytes: number, done: number): { add(count: number): void; stop(): void } {
  const size = Math.round(bytes / 1e6)
  if (process.stderr.isTTY) {
    const bar = new SingleBar({ format: '{bar} {percentage}% of {size} MB', stream: process.stderr })
    if (bytes > 0) bar.start(bytes, done, { size })
    return { add: (count) => bar.increment(count), stop: () => bar.stop() }
  }
  let received = done
  return {
    add: (count) => {
      const quarter = Math.floor((4 * received) / bytes)
      received += count
      if (Math.floor((4 * received) / bytes) > quarter) console.error(`  ${Math.round(received / 1e6)} of ${size} MB`)
    },
    stop: () => {},
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Fetches the rest of a file; all of it if the server cannot send a part, or has a different file by now. */
async function fetchRest(url: URL, file: string, dispatcher: Dispatcher, etag: { value?: string }): Promise<void> {
  const have = etag.value === undefined ? 0 : sizeOf(file)
  const part: Record<string, string> = have > 0 ? { range: `bytes=${have}-`, 'if-range': etag.value as string } : {}
  const response = await request(url, dispatcher, { 'accept-encoding': 'identity', ...part })
  if (response.status === 416) return void (await response.body?.cancel())
  if (response.body === null) throw new Error('the server sent nothing')
  const resumed = response.status === 206
  // A weak ETag does not promise the same bytes.
  const given = response.headers.get('etag')
  if (given !== null && !given.startsWith('W/')) etag.value = given
  else delete etag.value
  const bytes = Number(response.headers.get('content-length') ?? 0)
  const told = progress(resumed ? have + bytes : bytes, resumed ? have : 0)
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      told.add(chunk.length)
      done(null, chunk)
    },
  })
  try {
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
    await pipeline(body, tap, createWriteStream(file, { flags: resumed ? 'a' : 'w' }))
  } finally {
    told.stop()
  }
}

/**
 * Downloads `url` into `file` and returns the SHA-256 of the file, in hexadecimal. It uses the proxies of the
 * environment, and resumes when the connection breaks.
 *
 * @throws {LibTorchError} if the server refuses, or repeatedly does not answer in time.
 */
export async function download(
  url: URL,
  file: string,
  { retries = 5, timeout = 30_000 }: DownloadOptions = {},
): Promise<string> {
  console.error(`Fetching ${shown(url)}`)
  const dispatcher = agent(timeout)
  const etag: { value?: string } = {}
  try {
    for (let attempt = 0; ; attempt++) {
      const before = sizeOf(file)
      try {
        await fetchRest(url, file, dispatcher, etag)
        break
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code
        const own = cause instanceof Refusal || code === 'ENOSPC' || code === 'EDQUOT'
        if (own || attempt >= retries) throw failure(url, cause)
        console.error(`  the connection broke after ${Math.round(sizeOf(file) / 1e6)} MB; trying again`)
        // An attempt that made progress resets the count.
        if (sizeOf(file) > before) attempt = 0
        await sleep(Math.min(250 * 2 ** attempt, 5_000))
      }
    }
  } finally {
    await dispatcher.destroy()
  }
  return await sha256Of(file)
}
