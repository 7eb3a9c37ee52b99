import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { truncationOf } from './manifest.ts'
import { inRange, publicVersion, showRange, type VersionRange } from './version.ts'

/** A LibTorch on disk: the `torch` folder of a PyTorch wheel, or the root of a libtorch archive. */
export interface LibTorch {
  root: string
  /** The folder of the libraries. */
  lib: string
  /** As written in the folder (`2.13.0+cpu`); {@link UNKNOWN} if it is not. */
  version: string
  /** Whether it includes LibTorch's CUDA library. */
  cuda: boolean
}

/** Stands for a version that the loader will read once LibTorch is open. */
export const UNKNOWN = 'of unknown version'

/** The file name of a shared library on this platform: `libtorch_cpu.so`, `torch_cpu.dll`. */
export function libraryName(name: string): string {
  if (process.platform === 'win32') return `${name}.dll`
  return process.platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`
}

const TORCH_CPU = libraryName('torch_cpu')

function matchIn(file: string, pattern: RegExp): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').match(pattern)?.[1] : undefined
}

function headerVersion(file: string): string | undefined {
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map((part) =>
    matchIn(file, new RegExp(`#define TORCH_VERSION_${part} (\\d+)`)),
  )
  return numbers.includes(undefined) ? undefined : numbers.join('.')
}

function versionOf(root: string): string {
  const text =
    matchIn(join(root, 'version.py'), /^__version__ = '([^']+)'/m) ??
    matchIn(join(root, 'build-version'), /^(\S+)/) ??
    headerVersion(join(root, 'include/torch/headeronly/version.h')) ??
    headerVersion(join(root, 'include/torch/csrc/api/include/torch/version.h'))
  return text === undefined || publicVersion(text) === undefined ? UNKNOWN : text
}

/** Node's names of processors, by their ELF numbers. */
const MACHINES: Record<number, NodeJS.Architecture> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' }

/** The processor that a Linux library was built for, if its header says so. */
function machineOf(library: string): NodeJS.Architecture | undefined {
  const head = Buffer.alloc(20)
  const file = openSync(library, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  return head.toString('latin1', 0, 4) === '\x7fELF' ? MACHINES[head.readUInt16LE(18)] : undefined
}

/** Whether the headers for the native sources are beside the libraries. */
export function hasHeaders({ root }: LibTorch): boolean {
  return existsSync(join(root, 'include/torch/csrc/api/include/torch/version.h'))
}

function rootOf(directory: string): string | undefined {
  if (existsSync(join(directory, 'lib', TORCH_CPU))) return directory
  if (existsSync(join(directory, TORCH_CPU))) return dirname(directory)
  // A site-packages folder, or an entry of the cache.
  const nested = ['torch', 'libtorch'].map((name) => join(directory, name))
  return nested.find((root) => existsSync(join(root, 'lib', TORCH_CPU)))
}

/**
 * Inspects the LibTorch in `directory`, which may be its root, its `lib` folder, or the folder that contains the root.
 * If it cannot be used, returns the reason, worded to follow a colon.
 */
export function inspectLibTorch(directory: string, range: VersionRange): LibTorch | string {
  const path = resolve(directory)
  try {
    if (!statSync(path).isDirectory()) return 'not a folder'
    return inspectFolder(path, range)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? 'no such folder' : `it cannot be read (${code ?? message})`
  }
}

function inspectFolder(path: string, range: VersionRange): LibTorch | string {
  const root = rootOf(path)
  if (root === undefined) return `no ${basename(path) === 'lib' ? '' : 'lib/'}${TORCH_CPU} in it`
  const lib = root === dirname(path) ? path : join(root, 'lib')
  const truncation = truncationOf(dirname(root))
  if (truncation !== undefined) return truncation
  const machine = machineOf(join(lib, TORCH_CPU))
  if (machine !== undefined && machine !== process.arch) {
    return `its libraries are for ${machine}, and this Node is for ${process.arch}`
  }
  const version = versionOf(root)
  if (version !== UNKNOWN && !inRange(version, range)) {
    return `it is LibTorch ${version}, and ${showRange(range)} is needed`
  }
  return { root, lib, version, cuda: existsSync(join(lib, libraryName('torch_cuda'))) }
}
