// Checks the format of the C++ sources, or with --write fixes it. The program comes from npm, so that everyone has the
// same version.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import clangFormat from 'clang-format-node'

const NATIVE = fileURLToPath(new URL('../native', import.meta.url))
const files = readdirSync(NATIVE, { recursive: true })
  .filter((name) => /\.(c|cpp|h)$/.test(name))
  .map((name) => join(NATIVE, name))

const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']
const { status, error } = spawnSync(clangFormat.clangFormatPath, [...mode, ...files], { stdio: 'inherit' })
if (error) throw error
process.exitCode = status ?? 1
