// Makes a source checkout ready to run: compiles the TypeScript, finds or fetches LibTorch, builds the addons. Finished
// steps are skipped: each step leaves a hash of its inputs in build/stamps.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUILD = join(ROOT, 'build')
const DIST = join(ROOT, 'dist')
const CUDA_ADDON = 'build/Release/cuda/libtorch_rnn_cuda.node'

function fail(message) {
  console.error(`\nsetup: ${message}\n`)
  process.exit(1)
}

let lock

function run(...args) {
  // Child processes also hold the lock, because compilers keep running if this process is killed.
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit', lock],
  })
  if (status !== 0) throw new Error(`\`node ${args.join(' ')}\` failed${signal ? ` (${signal})` : ''}.`)
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesUnder(join(path, entry.name)))
}

function hashOf(paths, facts = {}) {
  const hash = createHash('sha256').update(JSON.stringify(facts))
  for (const file of paths.flatMap((path) => filesUnder(join(ROOT, path)))) {
    hash.update(`\0${file.slice(ROOT.length)}\0`).update(readFileSync(file))
  }
  return hash.digest('hex')
}

function stampOf(step) {
  return join(BUILD, 'stamps', step)
}

function isDone(step, hash, outputs) {
  const stamp = stampOf(step)
  return (
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((path) => existsSync(join(ROOT, path)))
  )
}

function markDone(step, hash) {
  mkdirSync(join(BUILD, 'stamps'), { recursive: true })
  writeFileSync(stampOf(step), hash)
}

/**
 * Waits for another setup of this checkout, because two builds in one folder corrupt each other. The kernel releases
 * the lock when this process and the compilers it started have ended.
 */
async function takeLock() {
  const { tryLock, waitForLock } = createRequire(import.meta.url)('fs-native-extensions')
  mkdirSync(BUILD, { recursive: true })
  const file = join(BUILD, 'setup.lock')
  const descriptor = openSync(file, 'a+')
  const patience = setTimeout(() => console.error(`setup: waiting for another one (${file})`), 2_000)
  if (!tryLock(descriptor)) await waitForLock(descriptor)
  clearTimeout(patience)
  return descriptor
}

/** Removes compiled files whose sources are gone. */
function pruneDist() {
  for (const file of filesUnder(DIST)) {
    const source = file.slice(DIST.length).replace(/(\.d)?\.[jt]s(\.map)?$/, '.ts')
    if (!existsSync(join(ROOT, 'lib', source))) rmSync(file)
  }
}

/** The package is CommonJS: one copy serves `import`, `require`, and tools that run only CommonJS, such as Jest. */
function completeDist() {
  writeFileSync(join(DIST, 'package.json'), '{ "type": "commonjs" }\n')
  copyFileSync(join(ROOT, 'lib/native/here.cjs'), join(DIST, 'native/here.cjs'))
}

function buildTypeScript() {
  const hash = hashOf(['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'])
  if (isDone('typescript', hash, ['dist/native/load.js'])) return
  console.error('setup: compiling the TypeScript')
  // `npm run types` checks the types.
  run('node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json', '--noCheck')
  pruneDist()
  completeDist()
  markDone('typescript', hash)
}

async function obtainLibTorch() {
  const { searchLibTorch, notFound } = await import('../dist/native/libtorch.js')
  const { BUILDABLE } = await import('../dist/native/version.js')
  const search = searchLibTorch(BUILDABLE, { build: true })
  if (search.found) return search.found
  // A LibTorch that the user named is not replaced silently if it cannot be used.
  if (search.named) throw notFound(search, BUILDABLE)
  const { install } = await import('../dist/cli/install.js')
  return install({ headers: true, probe: false, range: BUILDABLE })
}

async function findTools() {
  const { canRun, missingTool } = await import('../dist/cli/tools.js')
  if (!canRun('cmake')) fail(missingTool('cmake', 'CMake', 'builds the addon'))
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)
  if (process.platform !== 'win32' && !compilers.some(canRun)) {
    fail(missingTool('compiler', 'A C++ compiler', 'builds the addon'))
  }
  const ninja = canRun('ninja')
  if (process.platform !== 'win32' && !ninja && !canRun('make')) {
    fail(missingTool('ninja', 'Ninja', 'builds the addon'))
  }
  return { ninja, ccache: canRun('ccache') }
}

async function buildAddon(libtorch) {
  const facts = { root: libtorch.root, version: libtorch.version }
  const hash = hashOf(['native', 'CMakeLists.txt', 'package-lock.json'], facts)
  const outputs = ['build/Release/libtorch_rnn.node', 'build/Release/loader/loader.node']
  // Whether it can be built is only known later; if it could not, its requirements may be met by now.
  if (libtorch.cuda) outputs.push(CUDA_ADDON)
  if (isDone('addon', hash, outputs)) return
  const tools = await findTools()
  const { CC, CXX, CFLAGS, CXXFLAGS, CUDA_HOME, CUDA_PATH } = process.env
  const environment = { CC, CXX, CFLAGS, CXXFLAGS, CUDA_HOME, CUDA_PATH }
  const configuration = hashOf(['package-lock.json', 'native/cuda/headers.cmake'], {
    ...facts,
    ...tools,
    ROOT,
    ...environment,
  })
  if (!isDone('configuration', configuration, libtorch.cuda ? [CUDA_ADDON] : [])) {
    // CMake rejects a different generator or folder, and caches the rest.
    rmSync(join(BUILD, 'CMakeCache.txt'), { force: true })
    rmSync(join(BUILD, 'CMakeFiles'), { recursive: true, force: true })
  }
  // If it is not built this time, the old one would be for another LibTorch.
  rmSync(join(ROOT, CUDA_ADDON), { force: true })
  console.error(`setup: building the addon with LibTorch ${libtorch.version} (${libtorch.root})`)
  const definitions = [`--CDLIBTORCH=${libtorch.root}`]
  if (tools.ccache) definitions.push('--CDCMAKE_C_COMPILER_LAUNCHER=ccache', '--CDCMAKE_CXX_COMPILER_LAUNCHER=ccache')
  const cores = String(availableParallelism())
  run('node_modules/cmake-js/bin/cmake-js', 'build', '--config', 'Release', '--parallel', cores, ...definitions)
  // Without a LibTorch in the environment, programs started from this checkout use this one.
  writeFileSync(join(BUILD, 'libtorch.json'), `${JSON.stringify(facts)}\n`)
  markDone('configuration', configuration)
  markDone('addon', hash)
  if (libtorch.cuda && !existsSync(join(ROOT, CUDA_ADDON))) {
    const { WITHOUT_HEADERS } = await import('../dist/native/libtorch.js')
    console.error(`setup: ${WITHOUT_HEADERS}`)
  }
}

if (!existsSync(join(ROOT, 'node_modules'))) fail('the npm packages are not installed; run: npm ci')
lock = await takeLock()
try {
  buildTypeScript()
  await buildAddon(await obtainLibTorch())
  // For scripts/prebuild.mjs: the same object files, linked for older systems.
  if (process.argv.includes('--prebuild')) {
    run('node_modules/cmake-js/bin/cmake-js', 'build', '--config', 'Release', '--target', 'prebuild')
  }
} catch (error) {
  fail(error.message)
}
