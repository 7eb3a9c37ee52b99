// Builds of the addon that differ from the shipped one: each in a separate folder under build/, with part of the tests
// run on it.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { BUILDABLE } from '../../lib/native/version.ts'
import { outputOf, run, type Stage } from './stage.ts'

/** The tests that cover all of native/. */
const TESTS = ['tensor', 'nn', 'optim', 'train', 'io', 'native'].map((folder) => `test/${folder}/`)

interface Build {
  name: string
  title: string
  /** The folder that node-gyp-build loads it from. */
  config: 'Debug' | 'Release'
  compiler: { CC: string; CXX: string; flags: string }
  /** The environment for the tests. */
  environment?: () => NodeJS.ProcessEnv
}

function build({ name, config, compiler }: Build): void {
  const libtorch = searchLibTorch(BUILDABLE, { build: true }).found
  if (!libtorch) throw new Error('there is no LibTorch; run: npm run setup')
  run(
    process.execPath,
    [
      ...['node_modules/cmake-js/bin/cmake-js', 'build', '--out', `build/${name}/build`, '--config', config],
      ...['--parallel', String(availableParallelism()), `--CDLIBTORCH=${libtorch.root}`],
      // Instead of CMake's defaults: no debug information, which doubles the build time.
      ...['--CDCMAKE_CXX_FLAGS_DEBUG=', '--CDCMAKE_C_FLAGS_DEBUG='],
    ],
    { CC: compiler.CC, CXX: compiler.CXX, CFLAGS: compiler.flags, CXXFLAGS: compiler.flags },
  )
}

function test({ name, environment }: Build): void {
  run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=600000', ...TESTS], {
    // Where node-gyp-build looks for the addon instead of in the package `libtorch-rnn`.
    LIBTORCH_RNN_PREBUILD: join(PACKAGE, 'build', name),
    ...environment?.(),
  })
}

/** The path of one of the compiler's libraries. */
function runtime(name: string): string {
  return outputOf('gcc', [`-print-file-name=${name}`])
}

const BUILDS: readonly Build[] = [
  {
    name: 'clang',
    title: 'another compiler (another version: CLANG=clang-19)',
    config: 'Release',
    compiler: {
      CC: process.env.CLANG ?? 'clang',
      CXX: (process.env.CLANG ?? 'clang').replace('clang', 'clang++'),
      // The checks of the C++ library: indices, empty containers, null pointers.
      flags: '-Werror -D_GLIBCXX_ASSERTIONS',
    },
  },
  {
    name: 'unoptimized',
    title: 'nothing is inlined, and the assertions of LibTorch and of the C++ library hold',
    config: 'Debug',
    compiler: { CC: 'gcc', CXX: 'g++', flags: '-Werror -O0 -D_GLIBCXX_ASSERTIONS' },
  },
  {
    name: 'sanitized',
    title: 'memory is used within its bounds and its life, and no behaviour is undefined',
    config: 'Release',
    compiler: {
      CC: 'gcc',
      CXX: 'g++',
      // Not the types of objects (vptr): LibTorch does not export the type information of all of its classes.
      flags:
        '-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all',
    },
    environment: () => ({
      // Node is not built with the sanitizers.
      LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
      // V8 and LibTorch do not free their process-lifetime memory. A failed allocation must become a JavaScript error.
      // Tests measure the memory of the process, so the quarantine of freed memory must be small.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=8',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    }),
  },
]

export const builds: readonly Stage[] = BUILDS.map((one) => ({
  name: one.name,
  title: one.title,
  run: () => {
    run(process.execPath, ['scripts/setup.mjs'])
    build(one)
    test(one)
  },
}))
