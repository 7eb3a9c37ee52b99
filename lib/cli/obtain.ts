import { cpSync, existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LibTorchError } from '../errors.ts'
import { inspectLibTorch } from '../native/layout.ts'
import type { VersionRange } from '../native/version.ts'
import { sha256Of, unpack } from './archive.ts'
import { download } from './download.ts'
import { downloadWheels } from './pip.ts'

/** Where the files of LibTorch go, and where there is room for what is needed on the way. */
export interface Room {
  target: string
  scratch: string
}

function checkHash(found: string, given: string): void {
  if (found === given.toLowerCase()) return
  throw new LibTorchError(
    `The SHA-256 of the archive is not the one given, so it is not used.\n  given: ${given}\n  found: ${found}`,
  )
}

async function unpackTo(target: string, archive: string): Promise<void> {
  console.error(`Unpacking ${basename(archive)}`)
  await unpack(archive, target)
}

/** PyTorch's wheel, by pip. */
export async function obtainWheels({ target, scratch }: Room, version: string, cuda: boolean): Promise<void> {
  for (const wheel of await downloadWheels(join(scratch, 'wheels'), version, cuda)) await unpackTo(target, wheel)
}

async function obtainDownload({ target, scratch }: Room, url: URL, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined) {
    throw new LibTorchError(
      'A download needs its checksum: give --sha256 <hash>, as published beside the archive or told by `sha256sum`.',
    )
  }
  const archive = join(scratch, basename(url.pathname) || 'archive')
  checkHash(await download(url, archive), sha256)
  await unpackTo(target, archive)
}

/** What LibTorch needs of an unpacked one. */
function copyFolder(target: string, from: string, range: VersionRange): void {
  const libtorch = inspectLibTorch(from, range)
  if (typeof libtorch === 'string') throw new LibTorchError(`${from} cannot be installed: ${libtorch}.`)
  const { root, cuda } = libtorch
  console.error(`Copying ${root}`)
  const copy = (source: string, name: string): void => {
    if (existsSync(source)) cpSync(source, join(target, name), { recursive: true, dereference: true })
  }
  for (const part of ['lib', 'include', 'share/cmake', 'version.py', 'build-version']) {
    copy(join(root, part), join('torch', part))
  }
  // The libraries of a CUDA wheel look for those of NVIDIA beside their package.
  if (cuda) copy(join(dirname(root), 'nvidia'), 'nvidia')
}

function urlOf(from: string): URL | undefined {
  const scheme = /^(\w{2,}):\/\//.exec(from)?.[1]?.toLowerCase()
  if (scheme === undefined) return undefined
  if (!URL.canParse(from) || !['http', 'https', 'file'].includes(scheme)) {
    throw new LibTorchError(`${from} cannot be fetched: it is not the URL of a file by http, https or file.`)
  }
  return new URL(from)
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new LibTorchError(`${url} cannot be installed: ${(cause as Error).message}.`, { cause })
  }
}

/** What the user names: a folder, a wheel or an archive, or the `http(s)` or `file` URL of one. */
export async function obtainFrom(
  room: Room,
  from: string,
  sha256: string | undefined,
  range: VersionRange,
): Promise<void> {
  const url = urlOf(from)
  if (url !== undefined && url.protocol !== 'file:') return obtainDownload(room, url, sha256)
  const path = url === undefined ? resolve(from) : pathOf(url)
  if (!existsSync(path)) throw new LibTorchError(`${path} cannot be installed: no such file or folder.`)
  if (statSync(path).isDirectory()) {
    if (sha256 !== undefined) throw new LibTorchError('--sha256 is for an archive; a folder has no checksum.')
    return copyFolder(room.target, path, range)
  }
  if (sha256 !== undefined) checkHash(await sha256Of(path), sha256)
  await unpackTo(room.target, path)
}
