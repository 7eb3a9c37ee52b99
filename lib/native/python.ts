import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

// Importing torch takes seconds, and the working folder must not pass for the package.
const LOCATE = `
import importlib.util, os, sys
sys.path[:] = [path for path in sys.path if path]
spec = importlib.util.find_spec('torch')
print(os.path.dirname(spec.origin) if spec and spec.origin else '')
`

/** The Python programs to ask, the active virtual environment's first. */
function pythons(): string[] {
  const environment = process.env.VIRTUAL_ENV
  const windows = process.platform === 'win32'
  const own = environment && join(environment, windows ? 'Scripts/python.exe' : 'bin/python')
  return [...(own && existsSync(own) ? [own] : []), ...(windows ? ['python', 'py'] : ['python3', 'python'])]
}

/** The first of {@link pythons} that can be started. */
export function findPython(): string | undefined {
  return pythons().find((python) => spawnSync(python, ['--version'], { stdio: 'ignore' }).status === 0)
}

/** The first of {@link pythons} with a PyTorch, and the folder of the PyTorch that it would import. */
export function findPyTorch(): { python: string; folder: string } | undefined {
  for (const python of pythons()) {
    const { stdout } = spawnSync(python, ['-c', LOCATE], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    if (stdout?.trim()) return { python, folder: stdout.trim() }
  }
  return undefined
}
