import { existsSync, statSync } from 'node:fs'
import { cp, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LibTorchError } from '../errors.ts'
import { inspectLibTorch } from '../native/layout.ts'
import { crc32Of, type Manifest } from '../native/manifest.ts'
import type { VersionRange } from '../native/version.ts'
import { isListed, isNeeded, requireSpace, unpack } from './archive.ts'
import { sha256Of } from './checksum.ts'
import { download } from './download.ts'
import { downloadWheels } from './pip.ts'
import { findWheel, PYTORCH_INDEX } from './wheel-index.ts'

/** The target folder for LibTorch's files, a scratch folder, and what to keep. */
export interface Room {
  target: string
  scratch: string
  /** Also keep the files needed for a build. */
  headers: boolean
}

function checkHash(found: string, given: string): void {
  if (found === given.toLowerCase()) return
  throw new LibTorchError(
    `The SHA-256 of the archive differs from the one given, so it is not used.\n  given: ${given}\n  found: ${found}`,
  )
}

async function unpackTo({ target, headers }: Room, archive: string): Promise<Manifest> {
  console.error(`Unpacking ${basename(archive)}`)
  return unpack(archive, target, headers)
}

async function obtainByPip(room: Room, version: string, cuda: boolean): Promise<Manifest> {
  const files: Manifest = {}
  for (const wheel of await downloadWheels(join(room.scratch, 'wheels'), version, cuda)) {
    Object.assign(files, await unpackTo(room, wheel))
  }
  return files
}

/**
 * Obtains PyTorch's wheel: for the CPU from PyTorch's index, else with pip from its configured sources. A CUDA wheel
 * depends on wheels of NVIDIA, which pip finds.
 */
export async function obtainWheels(room: Room, version: string, cuda: boolean, index?: string): Promise<Manifest> {
  if (cuda) return obtainByPip(room, version, cuda)
  try {
    const { url, sha256 } = await findWheel(index ?? PYTORCH_INDEX, version)
    return await obtainDownload(room, url, sha256)
  } catch (error) {
    if (index !== undefined || !(error instanceof LibTorchError)) throw error
    console.error(error.message)
    try {
      return await obtainByPip(room, version, cuda)
    } catch (second) {
      if (second instanceof LibTorchError) throw new LibTorchError(`${error.message}\n${second.message}`)
      throw second
    }
  }
}

async function obtainDownload(room: Room, url: URL, sha256: string | undefined): Promise<Manifest> {
  if (sha256 === undefined) {
    throw new LibTorchError(
      'A download needs its checksum: give --sha256 <hash>, as published beside the archive or printed by `sha256sum`.',
    )
  }
  const archive = join(room.scratch, basename(decodeURIComponent(url.pathname)) || 'archive')
  checkHash(await download(url, archive), sha256)
  return await unpackTo(room, archive)
}

/** The files of an unpacked LibTorch that are needed, with the names they have in an archive. */
async function* filesOf(
  folder: string,
  prefix: string,
  headers: boolean,
): AsyncGenerator<[file: string, name: string]> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const name = join(prefix, relative(folder, file)).replaceAll(sep, '/')
    if (isNeeded(name, headers) && (await stat(file)).isFile()) yield [file, name]
  }
}

/** Copies the needed files of an unpacked LibTorch. */
async function copyFolder({ target, headers }: Room, from: string, range: VersionRange): Promise<Manifest> {
  const libtorch = inspectLibTorch(from, range)
  if (typeof libtorch === 'string') throw new LibTorchError(`${from} cannot be installed: ${libtorch}.`)
  const { root, cuda } = libtorch
  console.error(`Copying ${root}`)
  const kind = existsSync(join(root, 'version.py')) ? 'torch' : 'libtorch'
  const files: [file: string, name: string][] = []
  for (const part of ['lib', 'include']) {
    if (!existsSync(join(root, part))) continue
    for await (const found of filesOf(join(root, part), `${kind}/${part}`, headers)) files.push(found)
  }
  for (const part of ['version.py', 'build-version']) {
    if (existsSync(join(root, part))) files.push([join(root, part), `${kind}/${part}`])
  }
  // The libraries of a CUDA wheel look for NVIDIA's libraries beside their package.
  const nvidia = join(dirname(root), 'nvidia')
  if (cuda && existsSync(nvidia)) for await (const found of filesOf(nvidia, 'nvidia', headers)) files.push(found)
  let bytes = 0
  for (const [file] of files) bytes += (await stat(file)).size
  await requireSpace(target, bytes)
  const manifest: Manifest = {}
  for (const [file, name] of files) {
    await cp(file, join(target, name), { dereference: true })
    if (isListed(name)) manifest[name] = { bytes: (await stat(file)).size, crc32: await crc32Of(join(target, name)) }
  }
  return manifest
}

function urlOf(from: string): URL | undefined {
  const scheme = /^(\w{2,}):\/\//.exec(from)?.[1]?.toLowerCase()
  if (scheme === undefined) return undefined
  if (!URL.canParse(from) || !['http', 'https', 'file'].includes(scheme)) {
    throw new LibTorchError(`${from} cannot be fetched: it is not an http, https or file URL.`)
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

/** Obtains the LibTorch that the user names: a folder, a wheel or an archive, or the `http(s)` or `file` URL of one. */
export async function obtainFrom(
  room: Room,
  from: string,
  sha256: string | undefined,
  range: VersionRange,
): Promise<Manifest> {
  const url = urlOf(from)
  if (url !== undefined && url.protocol !== 'file:') return obtainDownload(room, url, sha256)
  const path = url === undefined ? resolve(from) : pathOf(url)
  if (!existsSync(path)) throw new LibTorchError(`${path} cannot be installed: no such file or folder.`)
  if (statSync(path).isDirectory()) {
    if (sha256 !== undefined) throw new LibTorchError('--sha256 is for an archive; a folder has no checksum.')
    return await copyFolder(room, path, range)
  }
  if (sha256 !== undefined) checkHash(await sha256Of(path), sha256)
  return await unpackTo(room, path)
}
