import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { findBinaries } from '../native/binaries.ts'
import type { LibTorch } from '../native/layout.ts'
import { remedies, type Search, searchLibTorch } from '../native/libtorch.ts'
import { loadLoader } from '../native/load.ts'
import { PACKAGE } from '../native/package.ts'
import { BUILDABLE, sameMinor, type VersionRange } from '../native/version.ts'
import type { ProbeReport } from './probe.ts'

type Line = readonly [label: string, value: string]

const PROBE = join(PACKAGE, 'dist', 'cli', 'probe.js')

/** Loads LibTorch in a child process. Returns what it says, or why it failed. */
export function testLoad(environment: NodeJS.ProcessEnv = {}): ProbeReport | string {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROBE], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  if (status === 0) return JSON.parse(stdout) as ProbeReport
  const death = signal ? `the process died of ${signal}` : ''
  return [death, stderr.trim()].filter(Boolean).join('\n') || `the process ended with code ${status}`
}

function libc(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return process.platform === 'linux'
    ? `, ${header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl'}`
    : ''
}

function aboutPackage(): Line[] {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  return [
    ['libtorch-rnn', `${version} in ${PACKAGE}`],
    ['Node.js', `${process.version}, ${process.platform}-${process.arch}, kernel ${release()}${libc()}`],
  ]
}

function aboutAddon(): { lines: Line[]; range: VersionRange } {
  try {
    const binaries = findBinaries()
    const { builtFor } = loadLoader(binaries)
    return { lines: [['Addon', `built for LibTorch ${builtFor}, ${binaries.addon}`]], range: sameMinor(builtFor) }
  } catch (error) {
    return { lines: [['Addon', (error as Error).message]], range: BUILDABLE }
  }
}

function aboutSearch({ found, tried }: Search, range: VersionRange): Line[] {
  const looked = tried.map(({ place, outcome }): Line => ['Looked at', `${place}: ${outcome}`])
  if (!found) return [...looked, ['LibTorch', `none that fits\n${remedies(range)}`]]
  return [...looked, ['LibTorch', `${found.version}${found.cuda ? ' with CUDA' : ''} in ${found.root}`]]
}

function aboutProbe(report: ProbeReport | string, libtorch: LibTorch): Line[] {
  if (typeof report === 'string') return [['Test load', `failed: ${report}`]]
  const { version, cpuCapability, threads, interopThreads, cudaDevices, cudaFailure } = report
  const { instructionSet, instructionSets } = report
  const why = libtorch.cuda ? cudaFailure : 'this LibTorch is a build for the CPU'
  return [
    ['Test load', `LibTorch ${version} computes`],
    ['CPU', `${cpuCapability}, ${threads} threads in one operation, ${interopThreads} between operations`],
    ['Kernels', `RNN, LSTM and GRU with ${instructionSet}, of ${instructionSets.join(', ')}`],
    ['CUDA', cudaFailure === null ? `computes, devices: ${cudaDevices}` : `cannot be used: ${why}`],
  ]
}

function print(lines: readonly Line[]): void {
  const width = Math.max(...lines.map(([label]) => label.length))
  const indent = `\n${' '.repeat(width + 2)}`
  for (const [label, value] of lines) console.log(`${label.padEnd(width)}  ${value.replaceAll('\n', indent)}`)
}

/** Prints the whole picture: versions, paths, what LibTorch can do here. Returns whether it works. */
export function doctor(): boolean {
  const { lines, range } = aboutAddon()
  const search = searchLibTorch(range)
  const report = search.found && testLoad()
  const probed = search.found && report ? aboutProbe(report, search.found) : []
  print([...aboutPackage(), ...lines, ...aboutSearch(search, range), ...probed])
  return typeof report === 'object'
}
