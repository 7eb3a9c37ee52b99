import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Later, temporaryFolder } from './folder.ts'

/** The root folder of this checkout. */
export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const PARTS = [
  ...['package.json', 'package-lock.json', 'README.md', 'LICENSE', 'tsconfig.json', 'tsconfig.build.json'],
  ...['CMakeLists.txt', 'lib', 'native', 'scripts', 'dist'],
  ...['build/Release', 'build/stamps', 'build/libtorch.json'],
]

/** A copy of this checkout, including its build, for tests that modify it. */
export function copyCheckout(later?: Later): string {
  const copy = temporaryFolder(later)
  for (const part of PARTS) {
    const source = join(CHECKOUT, part)
    if (existsSync(source)) cpSync(source, join(copy, part), { recursive: true, preserveTimestamps: true })
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'), 'junction')
  return copy
}
