// Puts the addons of this platform into prebuilds/, ready to be published, and checks that they run where the README
// promises. LibTorch is not part of them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const RELEASE = join(ROOT, 'build', 'Release')
const PREBUILDS = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`)
const LOADER = join('loader', 'loader.node')
// Where LibTorch is a CUDA build: the same main addon runs with both.
const CUDA = join('cuda', 'libtorch_rnn_cuda.node')

/** glibc 2.28 and the C++ library of GCC 8: what LibTorch itself asks for. */
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

// The pinned version: what the package says that it needs.
const { PINNED, minorOf } = await import('../dist/native/version.js').catch(() => fail('run `npm run setup` first'))

rmSync(PREBUILDS, { recursive: true, force: true })
// Set-up builds with cmake-js; it does not mind the arguments that prebuildify has for node-gyp.
const backend = `"${process.execPath}" scripts/setup.mjs`
const tags = ['--napi', '--strip', '--tag-libc']
run(process.execPath, ['node_modules/prebuildify/bin.js', ...tags, '--shell', '--node-gyp', backend])
const extra = [LOADER, CUDA].filter((file) => existsSync(join(RELEASE, file)))
for (const file of extra) {
  mkdirSync(dirname(join(PREBUILDS, file)), { recursive: true })
  copyFileSync(join(RELEASE, file), join(PREBUILDS, file))
  if (process.platform === 'linux') run('strip', ['--strip-unneeded', join(PREBUILDS, file)])
}

const files = readdirSync(PREBUILDS, { recursive: true }).filter((name) => name.endsWith('.node'))
const addon = files.find((name) => !extra.includes(name))
const others = readdirSync(PREBUILDS, { recursive: true }).filter(
  (name) => !files.includes(name) && !extra.some((file) => dirname(file) === name),
)
if (!extra.includes(LOADER) || files.length !== extra.length + 1 || !addon || others.length > 0) {
  fail(`prebuilds hold something else than the addons: ${[...files, ...others]}`)
}
// prebuildify has moved it away.
copyFileSync(join(PREBUILDS, addon), join(RELEASE, 'libtorch_rnn.node'))

const { builtFor } = createRequire(import.meta.url)(join(PREBUILDS, LOADER))
if (minorOf(builtFor) !== minorOf(PINNED))
  fail(`built with LibTorch ${builtFor}; the package is for ${minorOf(PINNED)}`)
if (process.platform === 'linux') for (const file of files) checkSymbols(join(PREBUILDS, file))
console.log(`prebuild: ${files.join(', ')} for LibTorch ${minorOf(builtFor)} in ${PREBUILDS}`)
