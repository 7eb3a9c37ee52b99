// npm run pack:offline: packs Node.js, npm and the packages for setup, tests and benchmarks into one archive, for a
// machine that has a compiler, CMake and a Python with PyTorch, but no network. Everything goes into node_modules. The
// archive is reproducible: the same packages and programs give the same bytes.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// Ignored by git, and not part of the npm package.
const OUTPUT = join(ROOT, 'build', 'offline')
const STAGING = join(OUTPUT, 'staging')
const NODE = 'node_modules/.node'

/** They check and format sources, which is not needed on the other machine; they would double the archive. */
const LINTERS = /^node_modules\/(@biomejs\/|clang-format-node$)/
/** Data sets that no example reads, and source maps without their sources. */
const NOT_NEEDED = /^node_modules\/(vega-datasets\/data\/(?!seattle-weather\.csv$|co2-concentration\.csv$)|.*\.map$)/
/** npm's help pages. */
const NPM_HELP = /^(docs|man|html)$/
/** The libraries that a Node.js of nodejs.org needs: each Linux that LibTorch runs on has them. */
const LIBRARIES = /^(linux-vdso|ld-linux-[\w-]+|lib(c|m|dl|pthread|rt|atomic|gcc_s|stdc\+\+))\.so/

function fail(message) {
  rmSync(STAGING, { recursive: true, force: true })
  console.error(`pack:offline: ${message}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  const { status, error, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  })
  if (error || status !== 0) fail(`\`${command} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`)
  return stdout
}

function canRun(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
}

function packagesOf(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages
}

/** The folders of the packages in the lock file that `npm ci` has installed. */
function packages() {
  const installed = packagesOf(join(ROOT, 'node_modules', '.package-lock.json'))
  const wanted = Object.entries(packagesOf(join(ROOT, 'package-lock.json'))).filter(([path]) => path !== '')
  for (const [path, { version, optional }] of wanted) {
    if (installed[path]?.version === version || (optional && !installed[path])) continue
    fail(`${path} is not the one of package-lock.json; run: npm ci`)
  }
  return wanted.map(([path]) => path).filter((path) => existsSync(join(ROOT, path)) && !LINTERS.test(path))
}

/** Whether the package is for this machine: npm also installs packages for another C library. */
function fits(path) {
  const { os, cpu, libc } = JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'))
  const holds = (names, own) => !names || [names].flat().includes(own)
  return holds(os, process.platform) && holds(cpu, process.arch) && holds(libc, 'glibc')
}

/** The files below a folder, including those of nested packages only if `nested`. */
function filesUnder(base, folder, { nested = false } = {}) {
  return readdirSync(join(base, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (!entry.isDirectory()) return [path]
    return entry.name === 'node_modules' && !nested ? [] : filesUnder(base, path, { nested })
  })
}

function packageFiles() {
  const commands = filesUnder(ROOT, 'node_modules/.bin')
  const kept = packages().filter(fits)
  const files = kept.flatMap((path) => filesUnder(ROOT, path)).filter((path) => !NOT_NEEDED.test(path))
  const own = new Set(files)
  // A command is a link to a file of its package.
  const linked = commands.filter((path) => own.has(join('node_modules/.bin', readlinkSync(join(ROOT, path)))))
  return { count: kept.length, files: [...files, ...linked] }
}

function npmFolder() {
  const command = process.env.npm_execpath
  if (command && /npm-cli\.js$/.test(command)) return dirname(dirname(realpathSync(command)))
  return join(run('npm', ['root', '--global']).trim(), 'npm')
}

function stageNode() {
  const libraries = run('ldd', [process.execPath])
    .split('\n')
    .map((line) => line.trim().split(/[ \t]/)[0].split('/').at(-1))
    .filter((name) => name !== '' && !LIBRARIES.test(name))
  if (libraries.length > 0) {
    fail(`this Node.js needs ${libraries.join(', ')} of this system; run this with one from https://nodejs.org`)
  }
  const bin = join(STAGING, NODE, 'bin')
  mkdirSync(bin, { recursive: true })
  cpSync(process.execPath, join(bin, 'node'))
  chmodSync(join(bin, 'node'), 0o755)
  if (canRun('strip')) run('strip', [join(bin, 'node')])
  const npm = npmFolder()
  const target = join(STAGING, NODE, 'lib', 'node_modules', 'npm')
  cpSync(npm, target, { recursive: true, verbatimSymlinks: true })
  for (const name of readdirSync(target)) if (NPM_HELP.test(name)) rmSync(join(target, name), { recursive: true })
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(bin, name))
  return filesUnder(STAGING, NODE, { nested: true })
}

/** Writes the archive of files in this checkout and in the staging folder; returns its path. */
function archive(packageFiles, nodeFiles) {
  const list = (name, paths) => {
    const file = join(STAGING, name)
    writeFileSync(file, [...paths].sort().join('\0'))
    return ['--files-from', file]
  }
  const xz = canRun('xz')
  const name = `libtorch-rnn-offline-${process.platform}-${process.arch}.tar.${xz ? 'xz' : 'gz'}`
  const part = join(STAGING, name)
  const compress = `--use-compress-program=${xz ? 'xz -6 --threads=1' : 'gzip --no-name'}`
  const same = ['--format=gnu', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX']
  const parts = [
    ['--directory', ROOT, ...list('packages', packageFiles)],
    ['--directory', STAGING, ...list('node', nodeFiles)],
  ]
  run('tar', ['--create', '--file', part, compress, ...same, '--no-recursion', '--null', ...parts.flat()])
  renameSync(part, join(OUTPUT, name))
  return join(OUTPUT, name)
}

if (process.platform !== 'linux') fail('it packs for the platform that it runs on, and CUDA needs Linux here')
if (!existsSync(join(ROOT, 'node_modules', '.package-lock.json')))
  fail('the npm packages are not installed; run: npm ci')
rmSync(STAGING, { recursive: true, force: true })
const { count, files } = packageFiles()
const file = archive(files, stageNode())
rmSync(STAGING, { recursive: true, force: true })
const name = basename(file)
console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB, Node.js ${process.version}, npm and ${count} packages

On a machine without a network, in the root of this repository:

  tar -xf ${name}
  export PATH="$PWD/${NODE}/bin:$PATH"
  npm run test:cuda
  npm run bench:cuda

Where tar cannot read it: python3 -c "import tarfile; tarfile.open('${name}').extractall()"`)
