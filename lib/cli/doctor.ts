import { spawnSync } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { findBinaries } from '../native/binaries.ts'
import { cachedWeights, cacheFolder, weightsFolder } from '../native/cache.ts'
import type { LibTorch } from '../native/layout.ts'
import { type Attempt, remedies, searchLibTorch } from '../native/libtorch.ts'
import { loadLoader } from '../native/load.ts'
import { PACKAGE } from '../native/package.ts'
import { BUILDABLE, sameMinor, type VersionRange } from '../native/version.ts'
import type { ProbeReport } from './probe.ts'

type Line = readonly [label: string, value: string]

const PROBE = join(PACKAGE, 'dist', 'cli', 'probe.js')
const DAMAGED = 'a library is damaged. To download it again, run: npx libtorch-rnn install --force'

/** The doctor's findings, as `doctor --json` prints them. */
export interface Diagnosis {
  /** Whether programs can use the library on this machine. */
  works: boolean
  package: { version: string; path: string }
  node: { version: string; platform: string; arch: string; kernel: string; libc: string | null }
  /** The compiled addon, or why there is none. */
  addon: { path: string; builtFor: string } | { problem: string }
  cache: { path: string; freeMegabytes: number | null }
  /** The packed weights of served models, which processes share. */
  weights: { path: string; files: number; megabytes: number }
  lookedAt: readonly Attempt[]
  /** The LibTorch that programs find, or what to do if they find none. */
  libtorch: LibTorch | { remedy: string }
  /** The report of the test load, or why it failed; `null` if there was nothing to load. */
  testLoad: ProbeReport | { problem: string } | null
}

/**
 * Loads LibTorch in a child process: the one in `root`, or the one that programs find. Returns its report, or why it
 * failed.
 */
export function testLoad(root?: string): ProbeReport | string {
  let child: ReturnType<typeof spawnSync>
  try {
    child = spawnSync(process.execPath, [PROBE, ...(root === undefined ? [] : [root])], { encoding: 'utf8' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') throw error
    return "Node's permission model forbids child processes; allow them with --allow-child-process"
  }
  const { status, signal, error } = child
  const [stdout, stderr] = [child.stdout as string, child.stderr as string]
  if (error !== undefined) return error.message
  if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as ProbeReport
  const death = signal ? `the process died of ${signal}` : ''
  const why = signal === 'SIGBUS' || signal === 'SIGSEGV' ? DAMAGED : ''
  return [death, stderr.trim(), why].filter(Boolean).join('\n') || `the process ended with code ${status}`
}

function libc(): string | null {
  if (process.platform !== 'linux') return null
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl'
}

/** The free space for LibTorch, if it can be determined. */
function freeMegabytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return Math.floor((bavail * bsize) / 1e6)
  } catch {
    const parent = dirname(folder)
    return parent === folder ? null : freeMegabytes(parent)
  }
}

function examineAddon(): { addon: Diagnosis['addon']; range: VersionRange } {
  try {
    const binaries = findBinaries()
    const { builtFor } = loadLoader(binaries)
    return { addon: { path: binaries.addon, builtFor }, range: sameMinor(builtFor) }
  } catch (error) {
    return { addon: { problem: (error as Error).message }, range: BUILDABLE }
  }
}

function diagnose(): Diagnosis {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  const { addon, range } = examineAddon()
  const { found, tried } = searchLibTorch(range)
  const report = found && 'path' in addon ? testLoad() : null
  const { files, bytes } = cachedWeights()
  return {
    works: report !== null && typeof report === 'object',
    package: { version, path: PACKAGE },
    node: {
      version: process.version,
      platform: process.platform,
      arch: process.arch,
      kernel: release(),
      libc: libc(),
    },
    addon,
    cache: { path: cacheFolder(), freeMegabytes: freeMegabytes(cacheFolder()) },
    weights: { path: weightsFolder(), files, megabytes: Math.round(bytes / 1e6) },
    lookedAt: tried,
    libtorch: found ?? { remedy: remedies(range) },
    testLoad: typeof report === 'string' ? { problem: report } : report,
  }
}

function aboutLibTorch({ lookedAt, libtorch }: Diagnosis): Line[] {
  const looked = lookedAt.map(({ place, outcome }): Line => ['Looked at', `${place}: ${outcome}`])
  if ('remedy' in libtorch) return [...looked, ['LibTorch', `none that fits\n${libtorch.remedy}`]]
  return [...looked, ['LibTorch', `${libtorch.version}${libtorch.cuda ? ' with CUDA' : ''} in ${libtorch.root}`]]
}

function aboutTestLoad({ libtorch, testLoad: report }: Diagnosis): Line[] {
  if (report === null) return []
  if ('problem' in report) return [['Test load', `failed: ${report.problem}`]]
  const { version, cpuCapability, threads, interopThreads, cudaDevices, cudaFailure } = report
  const { instructionSet, instructionSets } = report
  const why = 'cuda' in libtorch && libtorch.cuda ? cudaFailure : 'this LibTorch is a build for the CPU'
  return [
    ['Test load', `LibTorch ${version} computes`],
    ['CPU', `${cpuCapability}, ${threads} threads in one operation, ${interopThreads} between operations`],
    ['Kernels', `RNN, LSTM and GRU with ${instructionSet}, of ${instructionSets.join(', ')}`],
    ['CUDA', cudaFailure === null ? `computes, devices: ${cudaDevices}` : `cannot be used: ${why}`],
  ]
}

function linesOf(diagnosis: Diagnosis): Line[] {
  const { package: own, node, addon, cache, weights } = diagnosis
  const system = `${node.platform}-${node.arch}, kernel ${node.kernel}${node.libc === null ? '' : `, ${node.libc}`}`
  const room = cache.freeMegabytes === null ? '' : `, ${cache.freeMegabytes} MB free`
  return [
    ['libtorch-rnn', `${own.version} in ${own.path}`],
    ['Node.js', `${node.version}, ${system}`],
    ['Addon', 'problem' in addon ? addon.problem : `built for LibTorch ${addon.builtFor}, ${addon.path}`],
    ['Cache', `${cache.path}${room}`],
    ['Weights', `${weights.path}, ${weights.files} file${weights.files === 1 ? '' : 's'}, ${weights.megabytes} MB`],
    ...aboutLibTorch(diagnosis),
    ...aboutTestLoad(diagnosis),
  ]
}

function print(lines: readonly Line[]): void {
  const width = Math.max(...lines.map(([label]) => label.length))
  const indent = `\n${' '.repeat(width + 2)}`
  for (const [label, value] of lines) console.log(`${label.padEnd(width)}  ${value.replaceAll('\n', indent)}`)
}

/** Prints the versions, the paths and the capabilities of LibTorch on this machine. Returns whether it works. */
export function doctor({ json = false }: { json?: boolean } = {}): boolean {
  const diagnosis = diagnose()
  if (json) console.log(JSON.stringify(diagnosis, null, 2))
  else print(linesOf(diagnosis))
  return diagnosis.works
}
