// C++ without Node and LibTorch, under the compiler's sanitizers.
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder, writeFiles } from './folder.ts'

export const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url))
const COMPILER = process.env.CXX ?? 'c++'

/** What the kernels need of `native/recurrent`. */
export const KERNELS = [
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
].map((name) => `recurrent/${name}`)

const AVX512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mfma']
/** The kernels that need flags of their own, with these. */
export const X86: Record<string, string[]> = {
  'recurrent/kernels_avx2': ['-mavx2', '-mfma'],
  'recurrent/kernels_avx512': AVX512,
  'recurrent/kernels_avx512_bfloat16': [...AVX512, '-mavx512bf16'],
}

export const run = promisify(execFile)

/** Why programs with these sanitizers cannot be built and run here, or nothing. */
export function whyNot(sanitizers: string): string | undefined {
  const folder = writeFiles(temporaryFolder(), { 'empty.cpp': 'int main() { return 0; }' })
  const program = join(folder, 'empty')
  const args = ['-std=c++20', `-fsanitize=${sanitizers}`, join(folder, 'empty.cpp'), '-o', program]
  const { error, status, stderr } = spawnSync(COMPILER, args, { encoding: 'utf8' })
  if (error) return `there is no compiler ${COMPILER}`
  if (status !== 0) return `${COMPILER} cannot link -fsanitize=${sanitizers}: ${stderr.trim().split('\n').at(-1)}`
  const ran = spawnSync(program, { encoding: 'utf8' })
  return ran.status === 0 ? undefined : `a program with -fsanitize=${sanitizers} does not run: ${ran.stderr.trim()}`
}

/**
 * Compiles a program and files of `native` with sanitizers; its path.
 *
 * @param kernels those with flags of their own
 */
export async function build(
  program: string,
  files: readonly string[],
  sanitizers: string,
  kernels: Record<string, string[]>,
): Promise<string> {
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
    ...Object.entries(kernels).map(([name, own]): [string, string[]] => [join(NATIVE, `${name}.cpp`), own]),
    [program, []],
    ...files.map((name): [string, string[]] => [join(NATIVE, `${name}.cpp`), []]),
  ]
  const objects = sources.map((_, i) => join(folder, `${i}.o`))
  const left = sources.map(([file, own], i) => [...flags, ...own, '-c', file, '-o', objects[i] as string])
  const worker = async (): Promise<void> => {
    for (let args = left.shift(); args !== undefined; args = left.shift()) await run(COMPILER, args)
  }
  await Promise.all([worker(), worker()])
  const built = join(folder, 'program')
  await run(COMPILER, [...flags, ...objects, '-o', built])
  return built
}
