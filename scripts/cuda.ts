// npm run test:cuda, npm run bench:cuda: sets up a CUDA build of LibTorch, then runs the tests that need a GPU, or the
// benchmark. Without a GPU they fail, because a run that skips all tests would prove nothing. Further arguments go to
// vitest or to bench/cuda/main.ts.
import { spawnSync } from 'node:child_process'
import { inspectLibTorch } from '../lib/native/layout.ts'
import { notFound, searchLibTorch, WITHOUT_CUDA } from '../lib/native/libtorch.ts'
import { PACKAGE } from '../lib/native/package.ts'
import { findPyTorch } from '../lib/native/python.ts'
import { BUILDABLE } from '../lib/native/version.ts'

const STATE = `
  import { torch } from 'libtorch-rnn'
  const why = torch.cuda.why()
  console.log(JSON.stringify({ why, libtorch: torch.version, device: why === null ? torch.cuda.getDeviceName() : '' }))
`

interface State {
  why: string | null
  libtorch: string
  device: string
}

const [task = '', ...args] = process.argv.slice(2)

function fail(message: string): never {
  console.error(`${task}:cuda: ${message}`)
  process.exit(1)
}

/** Uses the installed PyTorch if it is a CUDA build and the user names no LibTorch. */
function chooseLibTorch(): void {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  if (LIBTORCH || LIBTORCH_USE_PYTORCH) return
  const installed = findPyTorch()
  const libtorch = installed && inspectLibTorch(installed.folder, BUILDABLE)
  if (typeof libtorch === 'object' && libtorch.cuda) process.env.LIBTORCH_USE_PYTORCH = '1'
}

function runNode(...args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: PACKAGE, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

/** The state that the addon built by the setup reports. */
function findState(): State {
  const args = ['--input-type=module', '--eval', STATE]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: PACKAGE, encoding: 'utf8' })
  if (status !== 0) fail(stderr.trim())
  return JSON.parse(stdout) as State
}

function driverVersion(): string {
  const args = ['--query-gpu=driver_version', '--format=csv,noheader']
  const { status, stdout } = spawnSync('nvidia-smi', args, { encoding: 'utf8' })
  return (status === 0 && stdout.split('\n')[0]?.trim()) || 'unknown (no nvidia-smi)'
}

function requireCuda(): void {
  const search = searchLibTorch(BUILDABLE, { build: true })
  if (search.found === undefined) fail(notFound(search, BUILDABLE).message)
  // Checked first, because the setup would build for minutes before failing.
  if (!search.found.cuda) fail(`${WITHOUT_CUDA} It is in ${search.found.root}.`)
  runNode('scripts/setup.mjs')
  const { why, libtorch, device } = findState()
  if (why !== null) fail(why)
  // Part of every report, because expected values hold for one version.
  console.log(`LibTorch ${libtorch} in ${search.found.root}, driver ${driverVersion()}, ${device}`)
}

function test(): void {
  requireCuda()
  const filters = args[0] === undefined || args[0].startsWith('-') ? ['test/cuda'] : []
  process.env.TEST_CUDA = 'required'
  // One file at a time: some fill the memory of the GPU, others measure time.
  runNode('node_modules/vitest/vitest.mjs', 'run', '--no-file-parallelism', ...filters, ...args)
}

function bench(): void {
  // A trial run on the CPU, and options that only print, need no GPU.
  const onCpu = /(^| )--device[= ]cpu( |$)/.test(args.join(' '))
  if (onCpu || args.includes('--help') || args.includes('--list')) runNode('scripts/setup.mjs')
  else requireCuda()
  runNode('--import', 'tsx', 'bench/cuda/main.ts', ...args)
}

chooseLibTorch()
if (task === 'test') test()
else if (task === 'bench') bench()
else fail('the first argument is test or bench')
