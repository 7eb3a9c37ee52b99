import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LibTorchError } from '../errors.ts'
import { makeFolderSync } from '../io/folder.ts'
import { findPython } from '../native/python.ts'
import { readText } from './archive.ts'
import { missingTool } from './tools.ts'

/** A source for pip: PyTorch's own index, or the user's configured sources. */
interface Source {
  name: string
  options: readonly string[]
}

const CONFIGURED: Source = { name: "pip's configured sources", options: [] }

function sources(cuda: boolean): Source[] {
  // At this point, the index of CPU wheels is known to be unreachable.
  if (!cuda) return [CONFIGURED]
  const index = 'https://download.pytorch.org/whl/cu130'
  // One attempt each: if the index cannot be reached, pip would wait minutes.
  return [{ name: index, options: ['--index-url', index, '--retries', '0', '--timeout', '15'] }, CONFIGURED]
}

const WITHOUT_PIP = 'Without Python: npx libtorch-rnn install --from <URL or file of a wheel> --sha256 <its checksum>'

/** Finds a Python with a working pip. */
function findPip(): { python: string; options: string[] } {
  const missing = (...tool: Parameters<typeof missingTool>): LibTorchError =>
    new LibTorchError(`${missingTool(...tool)}\n${WITHOUT_PIP}`)
  const python = findPython()
  if (python === undefined) throw missing('python', 'Python 3', 'fetches LibTorch')
  const asked = spawnSync(python, ['-m', 'pip', '--version'], { encoding: 'utf8' })
  if (asked.status !== 0) throw missing('pip', 'pip', 'fetches LibTorch')
  // LibTorch is the same in the wheels for all Python versions; there are none for old ones.
  const minor = Number(/python 3\.(\d+)/.exec(asked.stdout)?.[1])
  return { python, options: minor < 10 ? ['--python-version', '3.12'] : [] }
}

function runPip(python: string, args: readonly string[]): Promise<string | undefined> {
  // The progress bar goes to stdout, warnings and errors to stderr.
  const child = spawn(python, ['-m', 'pip', ...args], { stdio: ['ignore', 'inherit', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? undefined : errors.trim() || `pip ended with code ${code}`))
  })
}

interface Order {
  what: string
  requirements: readonly string[]
  options: readonly string[]
}

async function download(
  { what, requirements, options }: Order,
  from: readonly Source[],
  folder: string,
): Promise<void> {
  const pip = findPip()
  const failures: string[] = []
  for (const { name, options: where } of from) {
    console.error(`Fetching ${what} with pip from ${name}`)
    const args = ['download', '--only-binary', ':all:', '--dest', folder, ...pip.options, ...options, ...where]
    const failure = await runPip(pip.python, [...args, ...requirements])
    if (failure === undefined) return
    if (/No space left on device/.test(failure)) throw new LibTorchError(`${folder}: no space is left on its disk.`)
    failures.push(`  ${name}: ${failure.split('\n').slice(-3).join('\n    ')}`)
  }
  throw new LibTorchError(
    [
      `pip could not fetch ${what}.`,
      'Tried:',
      ...failures,
      'Point pip to a source that has it (PIP_INDEX_URL, PIP_FIND_LINKS) and run this again,',
      'or give a wheel or a libtorch archive: npx libtorch-rnn install --from <file>',
    ].join('\n'),
  )
}

/** The NVIDIA libraries that a CUDA wheel requires; LibTorch needs none of its other requirements. */
async function nvidiaRequirements(wheel: string): Promise<string[]> {
  const metadata = await readText(wheel, /\.dist-info\/METADATA$/)
  return [...metadata.matchAll(/^Requires-Dist: ((?:nvidia-|cuda-toolkit).*?)\r?$/gm)].flatMap(([, line]) => line ?? [])
}

function wheelsIn(folder: string): string[] {
  return readdirSync(folder).map((name) => join(folder, name))
}

/**
 * Downloads PyTorch's wheel, and for CUDA the libraries it needs, into `folder`. pip checks the hashes that the index
 * lists.
 */
export async function downloadWheels(folder: string, version: string, cuda: boolean): Promise<string[]> {
  makeFolderSync(folder)
  // On macOS, PyPI's CPU wheels have the version `2.13.0`; on Linux that is a CUDA build.
  const suffix = cuda || process.platform === 'darwin' ? '' : '+cpu'
  const from = sources(cuda)
  const wheel = `torch==${version}${suffix}`
  await download({ what: wheel, requirements: [wheel], options: ['--no-deps'] }, from, folder)
  const [torch] = wheelsIn(folder)
  const requirements = cuda && torch !== undefined ? await nvidiaRequirements(torch) : []
  if (requirements.length > 0)
    await download({ what: "NVIDIA's libraries for it", requirements, options: [] }, from, folder)
  return wheelsIn(folder)
}
