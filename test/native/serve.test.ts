// What serves models, without Node and LibTorch, under the compiler's sanitizers.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { build, KERNELS, NATIVE, run, whyNot } from '../support/sanitizers.ts'

const PROGRAM = fileURLToPath(new URL('serve.cpp', import.meta.url))
const SERVE = readdirSync(join(NATIVE, 'serve'))
  .filter((file) => file.endsWith('.cpp'))
  .map((file) => `serve/${file.replace(/\.cpp$/, '')}`)
const FILES = [...KERNELS, 'recurrent/model_weights', ...SERVE]
// The same random numbers each time, and others under `npm run fuzz`.
const SEED = process.env.LIBTORCH_RNN_FUZZ_SEED ?? '1'
const MINUTES = 60_000

describe('batches, sessions and lanes without Node and LibTorch', () => {
  it(
    'agree with each sequence alone, within their memory and without undefined behaviour',
    async ({ skip }) => {
      const reason = whyNot('address,undefined')
      skip(reason !== undefined, reason)
      // The kernels of the other instruction sets have a test of their own.
      const { stdout } = await run(await build(PROGRAM, FILES, 'address,undefined', {}), [SEED])
      expect(stdout).toBe('portable\n')
    },
    10 * MINUTES,
  )

  it(
    'share out their work without a race',
    async ({ skip }) => {
      const reason = whyNot('thread')
      skip(reason !== undefined, reason)
      const { stdout } = await run(await build(PROGRAM, FILES, 'thread', {}), ['threads', SEED])
      expect(stdout).toBe('portable\n')
    },
    10 * MINUTES,
  )
})

it('native/serve knows neither Node, the binding nor LibTorch', () => {
  expect(SERVE.length).toBeGreaterThan(3)
  for (const file of readdirSync(join(NATIVE, 'serve'))) {
    const text = readFileSync(join(NATIVE, 'serve', file), 'utf8')
    const found = text.match(/#include\s*[<"](napi|node_api|js_native_api|binding\/|uv|runtime\/|ATen|c10|torch).*/)
    expect(found, file).toBeNull()
  }
})
