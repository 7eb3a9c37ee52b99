import { checkOptions, requireNone } from '../check.ts'
import { TorchError, torchError } from '../errors.ts'
import { type Coroutine, run, runSync } from '../io/coroutine.ts'
import { type FileReader, pathOf, readFile } from '../io/file.ts'
import { check as checkEntry, isScript, isZip, readDirectory } from '../io/zip.ts'
import type { Script } from '../native/addon.ts'
import { native } from '../tensor/binding.ts'
import { atOnce, enter, offload } from '../tensor/context.ts'
import { requireDevice } from '../tensor/device.ts'
import type { Device } from '../tensor/tensor.ts'
import { type ScriptModule, scriptModule } from './script.ts'

export interface ScriptLoadOptions {
  /** The device for the module, like PyTorch's `map_location`. Default: the device it was saved from. */
  device?: Device
}

/**
 * Throws unless a file was written by torch.jit.save and its checksums match. LibTorch does not check them, and would
 * compute with weights that a flipped bit has changed.
 */
function* inspect(file: FileReader): Coroutine<void> {
  const isArchive = file.size >= 4 && isZip(yield* file.read(0, 4))
  if (!isArchive) file.reject('not a TorchScript archive, as torch.jit.save writes')
  const entries = yield* readDirectory(file)
  const names = [...entries.keys()]
  if (isScript(names)) {
    for (const entry of entries.values()) yield* checkEntry(file, entry)
    return
  }
  const isCheckpoint = names.some((name) => /^[^/]+\/data\.pkl$/.test(name))
  file.reject(
    isCheckpoint
      ? 'not a TorchScript archive but a file of torch.save: read it with torch.load'
      : 'not a TorchScript archive, as torch.jit.save writes: it has no constants.pkl',
  )
}

function check(call: string, path: unknown, options: ScriptLoadOptions): Coroutine<void> {
  checkOptions(call, options, ['device'])
  if (options.device !== undefined) requireDevice(call, options.device)
  return readFile(call, path, inspect)
}

function start(path: unknown, { device }: ScriptLoadOptions): Script {
  enter()
  return native.jitLoad(pathOf('torch.jit.load', path), device ?? null)
}

/** LibTorch's error for an archive that it cannot read. */
function refused(call: string, path: unknown, thrown: unknown): unknown {
  if (!(thrown instanceof TorchError)) return thrown
  if (thrown.code === 'ERR_TORCH_OUT_OF_MEMORY' || thrown.code === 'ERR_TORCH_DEVICE') return thrown
  const problem = thrown.message.split('\n').find((line) => line.trim() !== '') ?? 'it cannot be read'
  return torchError('ERR_TORCH_FORMAT', `${call}: ${pathOf(call, path)}: ${problem}`, { op: call, cause: thrown })
}

/**
 * Loads a module that was exported from Python with `torch.jit.save`, off the main thread.
 *
 * The file is a program: load only files from sources you trust.
 *
 * @example
 * const model = await torch.jit.load('model.pt')
 * const output = model.eval().forward(x)
 * @throws {TorchError} `ERR_TORCH_FILE` if the file cannot be read, `ERR_TORCH_FORMAT` if it is damaged or in another
 *   format, `ERR_TORCH_DEVICE` if it needs a device that this machine does not have.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.jit.load.html
 */
export async function load(
  path: string | URL,
  options: ScriptLoadOptions = {},
  ...none: undefined[]
): Promise<ScriptModule> {
  requireNone('load', none)
  const call = 'torch.jit.load'
  await run(check(call, path, options))
  try {
    return scriptModule(await offload(() => start(path, options)))
  } catch (thrown) {
    throw refused(call, path, thrown)
  }
}

/** Blocking form of {@link load}. */
export function loadSync(path: string | URL, options: ScriptLoadOptions = {}, ...none: undefined[]): ScriptModule {
  requireNone('loadSync', none)
  const call = 'torch.jit.loadSync'
  runSync(check(call, path, options))
  try {
    return atOnce(() => scriptModule(start(path, options)))
  } catch (thrown) {
    throw refused(call, path, thrown)
  }
}
