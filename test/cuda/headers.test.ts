import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECKOUT } from '../support/checkout.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'

// No CUDA of this version is installed anywhere.
const VERSION = 99

const runtime = (major: number): string => `#define CUDART_VERSION  ${major}010\n`

/** What native/cuda/headers.cmake finds for the LibTorch of a PyTorch for CUDA 99 in `folder`. */
function find(folder: string, env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(
    'cmake',
    [`-DLIBTORCH=${join(folder, 'torch')}`, '-P', join(CHECKOUT, 'native/cuda/headers.cmake')],
    { cwd: CHECKOUT, encoding: 'utf8', env: { ...process.env, CUDA_HOME: '', CUDA_PATH: '', ...env } },
  )
    .trim()
    .replace("-- CUDA's headers: ", '')
}

function pyTorch(files: Record<string, string> = {}): string {
  const note = `from typing import Optional\n__version__ = '2.14.1+cu${VERSION}0'\ncuda: Optional[str] = '${VERSION}.0'\n`
  return writeFiles(temporaryFolder(), { 'torch/version.py': note, ...files })
}

test("finds no headers where there are none of LibTorch's version", () => {
  expect(find(pyTorch())).toBe(`none for version ${VERSION}`)
  const other = writeFiles(temporaryFolder(), { 'include/cuda_runtime_api.h': runtime(VERSION - 1) })
  expect(find(pyTorch(), { CUDA_HOME: other })).toBe(`none for version ${VERSION}`)
})

test.each(['CUDA_HOME', 'CUDA_PATH'])('takes those that %s names, before those beside PyTorch', (name) => {
  const folder = pyTorch({ [`nvidia/cu${VERSION}/include/cuda_runtime_api.h`]: runtime(VERSION) })
  const named = writeFiles(temporaryFolder(), {
    'include/cuda_runtime_api.h': runtime(VERSION),
    'include/crt/host_defines.h': '',
  })
  expect(find(folder, { [name]: named })).toBe(join(named, 'include'))
})

test.each([`cu${VERSION}`, 'cuda_runtime'])(
  "takes PyTorch's own in nvidia/%s, with what they lack for a host compiler",
  (layout) => {
    const folder = pyTorch({ [`nvidia/${layout}/include/cuda_runtime_api.h`]: runtime(VERSION) })
    expect(find(folder)).toBe(`${join(folder, 'nvidia', layout, 'include')};${join(CHECKOUT, 'native/cuda/host')}`)
  },
)

test('reads the version of an archive of LibTorch', () => {
  const folder = writeFiles(temporaryFolder(), { 'torch/build-version': `2.13.0+cu${VERSION}1\n` })
  const named = writeFiles(temporaryFolder(), { 'include/cuda_runtime_api.h': runtime(VERSION) })
  expect(find(folder)).toBe(`none for version ${VERSION}`)
  expect(find(folder, { CUDA_HOME: named })).toContain(join(named, 'include'))
})
