// The addon built in other ways than the one that is shipped: each in a folder of its own under build/, with a part of
// the tests run on it.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { BUILDABLE } from '../../lib/native/version.ts'
import { outputOf, run, type Stage } from './stage.ts'

/** What reaches all of native/. */
const TESTS = ['tensor', 'nn', 'optim', 'train', 'io', 'native'].map((folder) => `test/${folder}/`)

interface Build {
  name: string
  title: string
  /** The folder that node-gyp-build takes it from. */
  config: 'Debug' | 'Release'
  compiler: { CC: string; CXX: string; flags: string }
  /** What the tests run with. */
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
      // In place of CMake's own: no debug information, which doubles the time.
      ...['--CDCMAKE_CXX_FLAGS_DEBUG=', '--CDCMAKE_C_FLAGS_DEBUG='],
    ],
    { CC: compiler.CC, CXX: compiler.CXX, CFLAGS: compiler.flags, CXXFLAGS: compiler.flags },
  )
}

function test({ name, environment }: Build): void {
  run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...TESTS], {
    // Where node-gyp-build looks for the addon of the package `libtorch-rnn` instead of in it.
    LIBTORCH_RNN_PREBUILD: join(PACKAGE, 'build', name),
    ...environment?.(),
  })
}

/** The path of a library of the compiler's. */
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
      // Node is not built with them.
      LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
      // V8 and LibTorch leave to the end of the process what they keep for its whole life.
      ASAN_OPTIONS: 'detect_leaks=0',
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
