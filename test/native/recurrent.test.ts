// The recurrent kernels alone, without Node and LibTorch, under the compiler's sanitizers.
import { execFile, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { native } from '../../lib/tensor/binding.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'

const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url))
const PROGRAM = fileURLToPath(new URL('recurrent.cpp', import.meta.url))
const COMPILER = process.env.CXX ?? 'c++'
// The same random numbers each time, and others under `npm run fuzz`.
const SEED = process.env.LIBTORCH_RNN_FUZZ_SEED ?? '1'
const MINUTES = 60_000

const CORE = [
  'layer',
  'forward',
  'backward',
  'weight_gradients',
  'schedule',
  'weights',
  'head',
  'transposed',
  'pack',
  'thread_pool',
  'instruction_set',
  'kernels_portable',
]
const AVX512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mfma']
const X86: Record<string, string[]> = {
  kernels_avx2: ['-mavx2', '-mfma'],
  kernels_avx512: AVX512,
  kernels_avx512_bfloat16: [...AVX512, '-mavx512bf16'],
}

const run = promisify(execFile)

/** Why programs with these sanitizers cannot be built and run here, or nothing. */
function whyNot(sanitizers: string): string | undefined {
  const folder = writeFiles(temporaryFolder(), { 'empty.cpp': 'int main() { return 0; }' })
  const program = join(folder, 'empty')
  const args = ['-std=c++20', `-fsanitize=${sanitizers}`, join(folder, 'empty.cpp'), '-o', program]
  const { error, status, stderr } = spawnSync(COMPILER, args, { encoding: 'utf8' })
  if (error) return `there is no compiler ${COMPILER}`
  if (status !== 0) return `${COMPILER} cannot link -fsanitize=${sanitizers}: ${stderr.trim().split('\n').at(-1)}`
  const ran = spawnSync(program, { encoding: 'utf8' })
  return ran.status === 0 ? undefined : `a program with -fsanitize=${sanitizers} does not run: ${ran.stderr.trim()}`
}

/** Compiles the program and the core with sanitizers; its path. */
async function build(sanitizers: string, kernels: Record<string, string[]>): Promise<string> {
  const folder = temporaryFolder()
  const flags = [
    '-std=c++20',
    '-O1',
    '-pthread',
    `-I${NATIVE}`,
    '-fno-sanitize-recover=all',
    `-fsanitize=${sanitizers}`,
    // Checks of every access take a third of the compiler's time; the address sanitizer sees the bad ones, too.
    '-fno-sanitize=null,alignment,object-size',
  ]
  if (Object.keys(kernels).length > 0) flags.push('-DRNN_X86_KERNELS')
  const sources: [string, string[]][] = [
    ...Object.entries(kernels).map(([name, own]): [string, string[]] => [join(NATIVE, `recurrent/${name}.cpp`), own]),
    [PROGRAM, []],
    ...CORE.map((name): [string, string[]] => [join(NATIVE, `recurrent/${name}.cpp`), []]),
  ]
  const objects = sources.map((_, i) => join(folder, `${i}.o`))
  const left = sources.map(([file, own], i) => [...flags, ...own, '-c', file, '-o', objects[i] as string])
  const worker = async (): Promise<void> => {
    for (let args = left.shift(); args !== undefined; args = left.shift()) await run(COMPILER, args)
  }
  await Promise.all([worker(), worker()])
  const program = join(folder, 'recurrent')
  await run(COMPILER, [...flags, ...objects, '-o', program])
  return program
}

describe('the recurrent kernels without Node and LibTorch', () => {
  it(
    'agree with plain arithmetic, within their memory and without undefined behaviour',
    async ({ skip }) => {
      const reason = whyNot('address,undefined')
      skip(reason !== undefined, reason)
      const program = await build('address,undefined', process.arch === 'x64' ? X86 : {})
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
      const { stdout } = await run(await build('thread', {}), ['threads', SEED])
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
  for (const name of [...CORE, ...Object.keys(X86)]) {
    const text = readFileSync(join(NATIVE, `recurrent/${name}.cpp`), 'utf8')
    expect(text.match(/#include\s*<(ATen|c10|torch)\/.*/), name).toBeNull()
  }
})
