import { invalid } from '../check.ts'
import { TorchError, torchError } from '../errors.ts'
import { run } from '../io/coroutine.ts'
import { readFile } from '../io/file.ts'
import { isScript, isZip, readDirectory } from '../io/zip.ts'
import { ScriptModule } from '../jit/index.ts'
import { loadModel } from '../models/load.ts'
import { RecurrentModel } from '../models/model.ts'
import { Module } from '../nn/module.ts'
import { outside } from '../tensor/context.ts'
import { Batcher } from './batcher.ts'
import type { Engine, Sequence } from './engine.ts'
import { failureOf } from './failure.ts'
import { hold } from './holding.ts'
import { requireLength } from './input.ts'
import type { Counters } from './metrics.ts'
import { nativeEngine, whyNotNativeEngine } from './native-engine.ts'
import type { Settings } from './options.ts'
import { Stepper } from './stepper.ts'
import { tensorEngine } from './tensor-engine.ts'
import { unitsOf } from './units.ts'
import type { Version } from './version.ts'

/**
 * A model: the path of a file that `model.save` wrote, a module, or a function that makes one.
 *
 * A module is copied, so that it can be trained on while it is served. A `ScriptModule` cannot be copied, and must not be
 * changed while it is served. What a function makes belongs to the server, which disposes it when no version has it any
 * more.
 */
export type ModelSource = string | URL | Module | (() => Module | Promise<Module>)

/** Where a model comes from: what a function made may have other versions, and an instance is the caller's. */
type Origin = 'file' | 'function' | 'instance'

interface Given {
  readonly model: Module
  readonly origin: Origin
}

/** Makes a version of a model, which is computed once before it is served. */
export async function versionOf(source: ModelSource, settings: Settings, counters: Counters): Promise<Version> {
  const given = await outside(() => modelOf(source))
  const { model } = given
  const isOurs = given.origin !== 'instance'
  const releaseGiven = isOurs ? hold(model) : () => {}
  let units: Version['units']
  let computed: Awaited<ReturnType<typeof engineOf>>
  try {
    units = unitsOf(model, settings)
    computed = await outside(() => engineOf(given, settings))
  } catch (error) {
    releaseGiven()
    throw error
  }
  const { engine, kind, reason, weights, releaseCopy } = computed
  // The engine has a copy of the weights, and at best shares it with other processes.
  if (given.origin === 'file' && kind === 'native') releaseGiven()
  const { inputSize, numEmbeddings, perStep, stateSize, outputShape } = engine
  const version: Version = {
    name: '',
    model: model.constructor.name,
    engine,
    kind,
    reason,
    weights,
    signature: {
      inputSize,
      numEmbeddings,
      outputShape,
      perStep,
      steps: settings.input.steps ?? null,
      maxSteps: settings.input.maxSteps ?? null,
    },
    units,
    batcher: new Batcher(engine, settings, counters),
    stepper: new Stepper(engine, units, settings.lanes, counters.steps),
    stateKind: stateSize === null ? null : stateKindOf(model, stateSize),
    weight: 0,
    requests: 0,
    successor: undefined,
    async close() {
      try {
        await engine.close()
      } finally {
        releaseCopy()
        releaseGiven()
      }
    },
  }
  try {
    requireSizes(model, engine, settings.input)
    if (settings.warmup) await warmUp(version, settings)
    return version
  } catch (error) {
    await version.close()
    throw error
  }
}

/** Of any realm. */
const isURL = (value: unknown): value is URL => Object.prototype.toString.call(value) === '[object URL]'

async function modelOf(source: ModelSource): Promise<Given> {
  if (typeof source === 'string' || isURL(source)) return { model: await load(source), origin: 'file' }
  if (source instanceof Module) return { model: source, origin: 'instance' }
  if (typeof source !== 'function') {
    throw invalid('serve', 'source', 'a path, a Module, or a function that makes one', source)
  }
  let made: unknown
  try {
    made = await source()
  } catch (error) {
    throw failureOf('serve', error)
  }
  if (made instanceof Module) return { model: made, origin: 'function' }
  throw invalid('serve', 'what the source makes', 'a Module', made)
}

/** @throws {TorchError} that says how to serve a file of torch.jit.save, which has no description of its inputs. */
async function load(path: string | URL): Promise<Module> {
  try {
    return await loadModel(path)
  } catch (cause) {
    if (!(cause instanceof TorchError) || cause.code !== 'ERR_TORCH_FORMAT') throw cause
    if (!(await isScriptFile(path).catch(() => false))) throw cause
    const message = `serve: ${path} is an archive of torch.jit.save: serve(await torch.jit.load(path), { input: { size } }), with the features of a step`
    throw torchError('ERR_TORCH_FORMAT', message, { op: 'serve', cause })
  }
}

const isScriptFile = (path: string | URL): Promise<boolean> =>
  run(
    readFile('serve', path, function* (file) {
      return isZip(yield* file.read(0, 4)) && isScript((yield* readDirectory(file)).keys())
    }),
  )

/** The engine for a model, and if it is not the native one, why. `releaseCopy` ends what it has of its own. */
async function engineOf(
  { model, origin }: Given,
  settings: Settings,
): Promise<Pick<Version, 'engine' | 'kind' | 'reason' | 'weights'> & { releaseCopy: () => void }> {
  const reason = settings.engine === 'tensor' ? "engine is 'tensor'" : whyNotNativeEngine(model)
  if (reason !== undefined && settings.engine === 'native') {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `serve: the native engine cannot be used: ${reason}`, { op: 'serve' })
  }
  if (reason !== undefined) requireOneLane(reason, settings)
  // An instance may be trained on, also while its weights are packed.
  const isCopied = origin === 'instance' && !(model instanceof ScriptModule)
  try {
    const served = isCopied ? model.clone() : model
    const releaseCopy = isCopied ? hold(served) : () => {}
    try {
      if (reason === undefined) {
        const engine = await nativeEngine(served, { ...settings, isLoaded: origin === 'file' })
        releaseCopy()
        return { engine, kind: 'native', reason: null, weights: engine.weights, releaseCopy }
      }
      const engine = await tensorEngine(served.eval(), settings)
      return { engine, kind: 'tensor', reason, weights: null, releaseCopy }
    } catch (error) {
      releaseCopy()
      throw error
    }
  } catch (error) {
    throw failureOf('serve', error)
  }
}

/** @throws {TorchError} if the options say other sizes than the model. */
function requireSizes(
  { constructor: { name } }: Module,
  { inputSize, numEmbeddings }: Engine,
  { size, numEmbeddings: tokens, steps }: Settings['input'],
): void {
  if (steps !== undefined) requireLength('serve', steps, inputSize)
  const isRight =
    (size === undefined || (numEmbeddings === null && size === inputSize)) &&
    (tokens === undefined || tokens === numEmbeddings)
  if (isRight) return
  const given = size === undefined ? `input.numEmbeddings is ${tokens}` : `input.size is ${size}`
  const takes = numEmbeddings === null ? `${inputSize} values` : `one of ${numEmbeddings} tokens`
  throw torchError('ERR_TORCH_VALUE', `serve: ${given}, but a step of the ${name} is ${takes}`, { op: 'serve' })
}

/** @throws {TorchError} for options that only the native engine has. */
function requireOneLane(reason: string, { lanes, threads, dtype }: Settings): void {
  const given = lanes !== 1 ? 'lanes' : threads !== 1 ? 'threads' : dtype !== 'float32' ? 'dtype' : undefined
  if (given === undefined) return
  const instead = {
    lanes: 'tensors have one lane',
    threads: 'tensors have the threads of torch.setNumThreads',
    dtype: 'convert the model itself, model.to({ dtype })',
  }
  throw torchError(
    'ERR_TORCH_OPTION',
    `serve: only the native engine has the option ${given}, and it cannot be used: ${reason}; ${instead[given]}`,
    { op: 'serve' },
  )
}

/** What two models have in common of which one can go on from the other's states. */
function stateKindOf(model: Module, stateSize: number): string {
  if (!(model instanceof RecurrentModel)) return `${model.constructor.name} with ${stateSize} numbers`
  const { network, output } = model
  const { numLayers, hiddenSize, projSize } = network
  const pooled = output === 'mean' || output === 'max' ? `, ${output}` : ''
  const projected = projSize > 0 ? `, projected to ${projSize}` : ''
  return `${network.constructor.name} of ${numLayers} layer${numLayers === 1 ? '' : 's'} of ${hiddenSize}${projected}${pooled}`
}

/** Computes batches of zeros. */
async function warmUp({ engine, signature, model }: Version, { batch }: Settings): Promise<void> {
  const { inputSize, numEmbeddings } = signature
  const steps = signature.steps ?? 2
  let data: Float32Array | Int32Array
  try {
    data = numEmbeddings === null ? new Float32Array(steps * inputSize) : new Int32Array(steps)
  } catch (cause) {
    const message = `serve: there is no memory for a sequence of ${steps} steps of ${inputSize} values, as input.steps says`
    throw torchError('ERR_TORCH_OUT_OF_MEMORY', message, { cause })
  }
  for (const rows of new Set([1, batch.max])) {
    const sequences: Sequence[] = Array.from({ length: rows }, () => ({ data, steps }))
    let outputs: Awaited<ReturnType<typeof engine.run>>
    try {
      outputs = await engine.run(sequences)
    } catch (error) {
      throw failureOf('serve', error)
    }
    for (const output of outputs) {
      // Not the reverse: the arrays may be those of another realm.
      if (output instanceof TorchError) throw output
      if (output.every(Number.isFinite)) continue
      throw torchError(
        'ERR_TORCH_NON_FINITE',
        `serve: for zeros the ${model} gives ${output.find((value) => !Number.isFinite(value))}: its weights may be damaged; { warmup: false } serves it all the same`,
        { op: 'serve' },
      )
    }
  }
}
