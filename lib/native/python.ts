import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

// A wrapper or a sitecustomize may print other lines.
const MARK = 'libtorch-rnn:'
// Importing torch takes seconds, and the working folder must not be taken for the package. conda-forge has the
// libraries in the environment's own folder.
const LOCATE = `
import importlib.util, os, sys
sys.path[:] = [path for path in sys.path if path]
spec = importlib.util.find_spec('torch')
folder = os.path.dirname(spec.origin) if spec and spec.origin else ''
if folder and not os.path.isdir(os.path.join(folder, 'lib')): folder = sys.prefix
print('${MARK}' + folder)
`
const TIMEOUT_MS = 20_000

/** The Python programs to try, the active virtual environment's first. */
export function pythons(): string[] {
  const environment = process.env.VIRTUAL_ENV
  const windows = process.platform === 'win32'
  const own = environment && join(environment, windows ? 'Scripts/python.exe' : 'bin/python')
  return [...(own && existsSync(own) ? [own] : []), ...(windows ? ['python', 'py'] : ['python3', 'python'])]
}

function ask(python: string, args: readonly string[]): string | undefined {
  try {
    const { status, stdout } = spawnSync(python, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    return status === 0 ? stdout : undefined
  } catch (error) {
    // Node's permission model.
    if ((error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED') return undefined
    throw error
  }
}

/** The first of {@link pythons} that can be started. */
export function findPython(): string | undefined {
  return pythons().find((python) => ask(python, ['--version']) !== undefined)
}

/** The first of {@link pythons} with a PyTorch, and the folder of the PyTorch that it would import. */
export function findPyTorch(): { python: string; folder: string } | undefined {
  for (const python of pythons()) {
    const line = ask(python, ['-c', LOCATE])
      ?.split(/\r?\n/)
      .find((text) => text.startsWith(MARK))
    const folder = line?.slice(MARK.length).trim()
    if (folder) return { python, folder }
  }
  return undefined
}
