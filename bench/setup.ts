/** Gets what the benchmark compares with into bench/rivals, which git ignores. What is there is not fetched again. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const TORCH = '2.13.0'
const TFJS_NODE_MS = 90_000

export const EXCHANGE = path('rivals/exchange/')

/** Whether `name` was set up from these files on this kind of machine; if not, `work` does it. */
function once(name: string, sources: readonly string[], work: () => void): void {
  const hash = createHash('sha256').update(`${process.version} ${cpus()[0]?.model}`)
  for (const source of sources) hash.update(readFileSync(path(source)))
  const stamp = path(`rivals/${name}.stamp`)
  const digest = hash.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  console.error(`Setting up ${name} in ${path('rivals')}`)
  work()
  writeFileSync(stamp, digest)
}

function run(command: string, args: readonly string[], cwd = path('.')): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (error || status !== 0) throw new Error(`\`${command} ${args.join(' ')}\` failed: ${error?.message ?? status}`)
}

function pip(python: string, ...options: string[]): boolean {
  const args = ['-m', 'pip', 'install', '--quiet', ...options, `torch==${TORCH}`, 'numpy']
  return spawnSync(python, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

/** A Python with PyTorch in a virtual environment of its own. */
function python(): string {
  const program = path('rivals/python/bin/python')
  once('python', [], () => {
    run('python3', ['-m', 'venv', path('rivals/python')])
    const own = ['--index-url', 'https://download.pytorch.org/whl/cpu', '--retries', '0', '--timeout', '15']
    if (!pip(program, ...own) && !pip(program)) throw new Error(`pip could not install PyTorch ${TORCH}`)
  })
  return program
}

/** onnxruntime-node and TensorFlow.js, as bench/packages pins them. */
function packages(): string {
  const folder = path('rivals/node')
  once('node', ['packages/package.json', 'packages/package-lock.json'], () => {
    mkdirSync(folder, { recursive: true })
    for (const file of ['package.json', 'package-lock.json'])
      copyFileSync(path(`packages/${file}`), `${folder}/${file}`)
    // The CPU library of onnxruntime is in its package; its script would fetch the one for CUDA.
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder)
    // TensorFlow itself is not in the package, and cannot be fetched everywhere.
    const options = { cwd: folder, timeout: TFJS_NODE_MS, stdio: 'ignore' } as const
    spawnSync('npm', ['rebuild', '@tensorflow/tfjs-node'], options)
  })
  return folder
}

/** The program that measures the machine. */
function roof(): string {
  const program = path('rivals/roof')
  once('roof', ['roof.cpp'], () => {
    const flags = ['-std=c++20', '-O3', '-march=native', '-pthread']
    run(process.env.CXX ?? 'c++', [...flags, path('roof.cpp'), '-o', program])
  })
  return program
}

export function setUp(): { python: string; packages: string; roof: string } {
  mkdirSync(EXCHANGE, { recursive: true })
  return { python: python(), packages: packages(), roof: roof() }
}

/** What serves models elsewhere. `missing` tells why there is no Python with FastAPI. */
export function setUpServing(): { python: string; missing: string | undefined } {
  mkdirSync(EXCHANGE, { recursive: true })
  packages()
  // One that has all of it, such as an environment of the user's.
  const given = process.env.BENCH_PYTHON
  const program = given ?? python()
  const has = (): boolean =>
    spawnSync(program, ['-c', 'import fastapi, uvicorn, torch, numpy'], { stdio: 'ignore' }).status === 0
  if (!has() && given === undefined) {
    const args = ['-m', 'pip', 'install', '--quiet', '--retries', '0', 'fastapi', 'uvicorn[standard]']
    spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return { python: program, missing: has() ? undefined : `${program} has no FastAPI, uvicorn and PyTorch` }
}
