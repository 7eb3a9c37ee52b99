import { checkOptions } from '../check.ts'
import { TorchError, torchError } from '../errors.ts'
import { type FileReader, pathOf, readFile } from '../io/file.ts'
import { run, runSync, type Steps } from '../io/steps.ts'
import { check as checkEntry, isZip, readDirectory } from '../io/zip.ts'
import type { Script } from '../native/addon.ts'
import { native } from '../tensor/binding.ts'
import { atOnce, enter, offload } from '../tensor/context.ts'
import { requireDevice } from '../tensor/device.ts'
import type { Device } from '../tensor/tensor.ts'
import { type ScriptModule, scriptModule } from './script.ts'

export interface ScriptLoadOptions {
  /** Where the module goes, PyTorch's `map_location`. Default: where it was when it was saved. */
  device?: Device
}

/**
 * Throws unless a file is what torch.jit.save writes, with the checksums that it was written with. LibTorch checks none,
 * and computes with weights that a flipped bit has changed.
 */
function* inspect(file: FileReader): Steps<void> {
  const isArchive = file.size >= 4 && isZip(yield* file.read(0, 4))
  if (!isArchive) file.reject('not a TorchScript archive, as torch.jit.save writes')
  const entries = yield* readDirectory(file)
  const names = [...entries.keys()]
  if (names.some((name) => /^[^/]+\/constants\.pkl$/.test(name))) {
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

function check(call: string, path: unknown, options: ScriptLoadOptions): Steps<void> {
  checkOptions(call, options, ['device'])
  if (options.device !== undefined) requireDevice(call, options.device)
  return readFile(call, path, inspect)
}

function start(path: unknown, { device }: ScriptLoadOptions): Script {
  enter()
  return native.jitLoad(pathOf('torch.jit.load', path), device ?? null)
}

/** What LibTorch says of an archive that it cannot read. */
function refused(call: string, path: unknown, thrown: unknown): unknown {
  if (!(thrown instanceof TorchError)) return thrown
  if (thrown.code === 'ERR_TORCH_OUT_OF_MEMORY' || thrown.code === 'ERR_TORCH_DEVICE') return thrown
  const problem = thrown.message.split('\n').find((line) => line.trim() !== '') ?? 'it cannot be read'
  return torchError('ERR_TORCH_FORMAT', `${call}: ${pathOf(call, path)}: ${problem}`, { op: call, cause: thrown })
}

/**
 * Loads a module that was exported from Python with `torch.jit.save`, off the main thread.
 *
 * The file is a program: load only what you trust.
 *
 * @example
 * const model = await torch.jit.load('model.pt')
 * const output = model.eval().forward(x)
 * @throws {TorchError} `ERR_TORCH_FILE` where the file cannot be read, `ERR_TORCH_FORMAT` where it is something else or
 *   damaged, `ERR_TORCH_DEVICE` where it needs a device that is not here.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.jit.load.html
 */
export async function load(path: string | URL, options: ScriptLoadOptions = {}): Promise<ScriptModule> {
  const call = 'torch.jit.load'
  await run(check(call, path, options))
  try {
    return scriptModule(await offload(() => start(path, options)))
  } catch (thrown) {
    throw refused(call, path, thrown)
  }
}

/** {@link load} that blocks. */
export function loadSync(path: string | URL, options: ScriptLoadOptions = {}): ScriptModule {
  const call = 'torch.jit.loadSync'
  runSync(check(call, path, options))
  try {
    return atOnce(() => scriptModule(start(path, options)))
  } catch (thrown) {
    throw refused(call, path, thrown)
  }
}
