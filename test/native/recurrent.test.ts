// The recurrent kernels alone, without Node and LibTorch, under the compiler's sanitizers.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { native } from '../../lib/tensor/binding.ts'
import { build, KERNELS, NATIVE, run, whyNot, X86 } from '../support/sanitizers.ts'

const PROGRAM = fileURLToPath(new URL('recurrent.cpp', import.meta.url))
// The same random numbers each time, and others under `npm run fuzz`.
const SEED = process.env.LIBTORCH_RNN_FUZZ_SEED ?? '1'
const MINUTES = 60_000

describe('the recurrent kernels without Node and LibTorch', () => {
  it(
    'agree with plain arithmetic, within their memory and without undefined behaviour',
    async ({ skip }) => {
      const reason = whyNot('address,undefined')
      skip(reason !== undefined, reason)
      const program = await build(PROGRAM, KERNELS, 'address,undefined', process.arch === 'x64' ? X86 : {})
      const { stdout } = await run(program, [SEED])
      expect(stdout.trim().split('\n')).toEqual(native.instructionSets())
    },
    5 * MINUTES,
  )

  it(
    'share out their work without a race',
    async ({ skip }) => {
      const reason = whyNot('thread')
      skip(reason !== undefined, reason)
      const { stdout } = await run(await build(PROGRAM, KERNELS, 'thread', {}), ['threads', SEED])
      expect(stdout).toBe('portable\n')
    },
    5 * MINUTES,
  )
})

it('native/recurrent knows neither Node nor the binding', () => {
  const files = readdirSync(join(NATIVE, 'recurrent'))
  expect(files.length).toBeGreaterThan(20)
  for (const file of files) {
    const text = readFileSync(join(NATIVE, 'recurrent', file), 'utf8')
    expect(text.match(/#include\s*[<"](napi|node_api|js_native_api|binding\/|uv).*/), file).toBeNull()
  }
  // What the program above is built of knows no LibTorch either.
  for (const name of [...KERNELS, ...Object.keys(X86)]) {
    const text = readFileSync(join(NATIVE, `${name}.cpp`), 'utf8')
    expect(text.match(/#include\s*<(ATen|c10|torch)\/.*/), name).toBeNull()
  }
})
