import { checkOptions, invalid, requireBoolean, requireNone } from '../check.ts'
import { Module } from '../nn/module.ts'
import type { LoadResult, StateDict } from '../nn/state-dict.ts'
import { memoryRange } from '../tensor/memory.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { type Coroutine, run, runSync } from './coroutine.ts'
import { loading, type SaveFileOptions, saving } from './safetensors.ts'

export interface LoadModuleOptions {
  /** Whether names must match exactly. Default `true`. */
  strict?: boolean
  /** Where the tensors are read to, before they are copied into the module. Default `'cpu'`. */
  device?: Device
}

/** The names of tensors that are the same memory with the same shape, in sorted order; only groups of several. */
function tiedIn(dict: Readonly<StateDict>): string[][] {
  const groups = new Map<string, string[]>()
  for (const name of Object.keys(dict).sort()) {
    const { shape, stride } = dict[name] as Tensor
    const { storage, first } = memoryRange(dict[name] as Tensor)
    if (storage === 0) continue
    const key = JSON.stringify([storage, first, shape, stride])
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return [...groups.values()].filter(({ length }) => length > 1)
}

function requireModule(call: string, module: unknown): asserts module is Module {
  if (!(module instanceof Module)) throw invalid(call, 'module', 'a Module', module)
}

/** @internal The work of {@link saveModule}, for the function `call`. */
export function savingModule(call: string, module: Module, path: unknown, options: SaveFileOptions): Coroutine<void> {
  requireModule(call, module)
  const tensors = module.stateDict()
  const names: Record<string, string> = {}
  for (const [kept, ...others] of tiedIn(tensors)) {
    for (const other of others) {
      names[other] = kept as string
      delete tensors[other]
    }
  }
  const isTied = Object.keys(names).length > 0
  // A wrong option is for `saving` to refuse.
  return saving(call, tensors, path, isTied ? { ...options, metadata: { ...names, ...options.metadata } } : options)
}

/** @internal The work of {@link loadModule}, for the function `call`. */
export function* loadingModule(
  call: string,
  module: Module,
  path: unknown,
  options: LoadModuleOptions,
): Coroutine<LoadResult> {
  requireModule(call, module)
  checkOptions(call, options, ['strict', 'device'])
  const { strict = true, ...rest } = options
  requireBoolean(call, 'strict', strict)
  const tensors = yield* loading(call, path, rest)
  try {
    const dict = { ...tensors }
    const own = module.stateDict()
    for (const group of tiedIn(own)) {
      const found = group.find((name) => Object.hasOwn(dict, name))
      for (const name of found === undefined ? [] : group) dict[name] ??= dict[found as string] as Tensor
    }
    for (const tensor of Object.values(own)) tensor.dispose()
    return module.loadStateDict(dict, { strict })
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose()
  }
}

/**
 * Writes the parameters and persistent buffers of a module into a safetensors file, off the main thread, like
 * {@link saveFile}. A tied weight, which has several names, is written once, under the first of them in sorted order;
 * {@link loadModule} finds it under any. The file is the same as that of Python's `safetensors.torch.save_model`, whose
 * `load_model` reads it.
 *
 * @example await saveModule(languageModel, 'model.safetensors')
 * @throws {TorchError} as {@link saveFile}, also if tensors share only a part of their memory.
 */
export async function saveModule(
  module: Module,
  path: string | URL,
  options: SaveFileOptions = {},
  ...none: undefined[]
): Promise<void> {
  requireNone('saveModule', none)
  await run(savingModule('saveModule', module, path, options))
}

/** Blocking form of {@link saveModule}. */
export function saveModuleSync(
  module: Module,
  path: string | URL,
  options: SaveFileOptions = {},
  ...none: undefined[]
): void {
  requireNone('saveModuleSync', none)
  runSync(savingModule('saveModuleSync', module, path, options))
}

/**
 * Loads a safetensors file into a module, like Python's `safetensors.torch.load_model`: {@link loadFile} and
 * `loadStateDict`, but a tied weight may be missing under all but one of its names.
 *
 * @example await loadModule(languageModel, 'model.safetensors')
 * @throws {TorchError} as {@link loadFile} and `loadStateDict`.
 */
export async function loadModule(
  module: Module,
  path: string | URL,
  options: LoadModuleOptions = {},
  ...none: undefined[]
): Promise<LoadResult> {
  requireNone('loadModule', none)
  return run(loadingModule('loadModule', module, path, options))
}

/** Blocking form of {@link loadModule}. */
export function loadModuleSync(
  module: Module,
  path: string | URL,
  options: LoadModuleOptions = {},
  ...none: undefined[]
): LoadResult {
  requireNone('loadModuleSync', none)
  return runSync(loadingModule('loadModuleSync', module, path, options))
}
