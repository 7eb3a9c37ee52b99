// Puts the addons of this platform into prebuilds/ for publishing, and checks that they run on the systems that the
// README promises. They do not contain LibTorch.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUILT = join(ROOT, 'build', 'prebuild', 'Release')
const PREBUILDS = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`)
const LIBC = process.platform === 'linux' ? '.glibc' : ''
const LOADER = join('loader', 'loader.node')
// Only built with a CUDA build of LibTorch; the same main addon runs with both builds.
const CUDA = join('cuda', 'libtorch_rnn_cuda.node')
/** The name under which node-gyp-build looks for each file. */
const FILES = { 'libtorch_rnn.node': `libtorch-rnn${LIBC}.node`, [LOADER]: LOADER, [CUDA]: CUDA }

/** glibc 2.28 and the C++ library of GCC 8: the versions that LibTorch itself requires. */
const NEWEST = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11' }

function fail(message) {
  console.error(`prebuild: ${message}`)
  process.exit(1)
}

function run(command, args, stdio = 'inherit') {
  const { status, error, stdout } = spawnSync(command, args, { cwd: ROOT, stdio, encoding: 'utf8' })
  if (error || status !== 0) fail(`\`${command} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`)
  return stdout
}

function newer(version, limit) {
  return version.localeCompare(limit, 'en', { numeric: true }) > 0
}

function checkSymbols(addon) {
  const symbols = run('nm', ['--dynamic', '--undefined-only', addon], ['ignore', 'pipe', 'inherit'])
  const wrong = symbols.split('\n').filter((line) => {
    const [, name, version] = /@([A-Z]+)_([\d.]+)$/.exec(line) ?? []
    return name in NEWEST && newer(version, NEWEST[name])
  })
  if (wrong.length > 0) fail(`${addon} needs a newer Linux than promised:\n${wrong.join('\n')}`)
}

rmSync(BUILT, { recursive: true, force: true })
run(process.execPath, ['scripts/setup.mjs', '--prebuild'])
// The pinned version, which the package requires.
const { PINNED, minorOf } = await import('../dist/native/version.js')

rmSync(PREBUILDS, { recursive: true, force: true })
const built = Object.entries(FILES).filter(([file]) => file !== CUDA || existsSync(join(BUILT, file)))
for (const [file, name] of built) {
  const addon = join(PREBUILDS, name)
  mkdirSync(dirname(addon), { recursive: true })
  copyFileSync(join(BUILT, file), addon)
  if (process.platform !== 'linux') continue
  run('strip', ['--strip-unneeded', addon])
  checkSymbols(addon)
}

const { builtFor } = createRequire(import.meta.url)(join(PREBUILDS, LOADER))
if (minorOf(builtFor) !== minorOf(PINNED))
  fail(`built with LibTorch ${builtFor}; the package is for ${minorOf(PINNED)}`)
const names = built.map(([, name]) => name)
console.log(`prebuild: ${names.join(', ')} for LibTorch ${minorOf(builtFor)} in ${PREBUILDS}`)
