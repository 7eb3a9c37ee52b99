import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireDelay,
  requireFunction,
  requireInteger,
  requireNonNegative,
  requirePositive,
  requireString,
} from '../check.ts'
import { torchError } from '../errors.ts'
import { MOST_VALUES } from './input.ts'
import type { SessionStore } from './store.ts'

/** How requests become batches. */
export interface BatchOptions {
  /** The most requests in one batch. Default 64. */
  max?: number
  /**
   * How long a batch that is not full waits for company, in ms. Default 0: a batch is what came while the last one ran,
   * or within one turn of the event loop.
   */
  wait?: number
  /**
   * The longest that a request should take once it is at the head of the queue, in ms: the wait for the batch before it,
   * and its own. Batches shrink until they take half of that, and grow again up to `max`. Default: they are not shrunk.
   */
  latency?: number
}

/** What may wait. */
export interface QueueOptions {
  /** The most requests that wait; more are refused with `ERR_TORCH_OVERLOADED`. Default 1000. */
  max?: number
  /** The most steps of sessions that wait, of all sessions; more are refused as well. Default 20,000. */
  steps?: number
  /**
   * The longest that one waits for others that are computed before it, in ms; then it is `ERR_TORCH_TIMEOUT`. The time
   * counts while all lanes are busy: one that comes when a lane is free gets it, however long that turn of the event loop
   * takes. Default `Infinity`.
   */
  timeout?: number
  /** By how many ms a priority of 1 goes before a priority of 0. Default 100. */
  aging?: number
}

/** States that are kept between steps. */
export interface SessionsOptions {
  /** The most sessions in memory. One more is refused, or with a store replaces the least recently used. Default 10,000. */
  max?: number
  /**
   * After how many ms without a step a session is dropped, or with a store saved and taken out of memory. Default
   * `Infinity`.
   */
  idle?: number
  /** Where states are kept that are not in memory. Default: nowhere. */
  store?: SessionStore
  /**
   * How often states that have changed are written into the store, in ms, so that less is lost if the process dies.
   * Default: only when they leave the memory.
   */
  interval?: number
}

/** What one request is, of a model that does not say it. */
export interface InputOptions {
  /** The number of features of a step. Default: the model's `inputSize`. */
  size?: number
  /** The number of tokens, if a step is a token. Default: that of the model's embedding, or none. */
  numEmbeddings?: number
  /** The number of steps that each request must have. Default: any. */
  steps?: number
  /**
   * The most steps that a request may have. A batch ends with its longest sequence: one of a million steps would delay all
   * that are computed with it. Default: no limit.
   */
  maxSteps?: number
}

export interface ServeOptions {
  batch?: BatchOptions
  queue?: QueueOptions
  /** How many batches are computed at the same time, by the native engine. Default 1. */
  lanes?: number
  /** The threads of each lane of the native engine. Default 1. */
  threads?: number
  /**
   * What computes the model: `'native'` does it without tensors, on lanes of its own, for the models of
   * `libtorch-rnn/models`; `'tensor'` does it by the module's `forward`. `'auto'`: native if it can. Default `'auto'`.
   */
  engine?: 'auto' | 'native' | 'tensor'
  /** Whether a model computes a few batches before it is served; a model that cannot is then refused. Default `true`. */
  warmup?: boolean
  /** Whether inputs with NaN or infinity are refused, one by one, with `ERR_TORCH_NON_FINITE`. Default `true`. */
  rejectNonFinite?: boolean
  /**
   * The type of the weights in the native engine; bfloat16 halves the memory that is read. Sums and states are float32.
   * Default `'float32'`.
   */
  dtype?: 'float32' | 'bfloat16'
  /**
   * Whether the native engine maps weights of 4 MB or more from a file in the user's cache folder, which all processes
   * share. The files that were not used for the longest are removed when they are more than 4 GB. Default: if the source
   * is a path.
   */
  shareWeights?: boolean
  sessions?: SessionsOptions
  input?: InputOptions
  /**
   * `'data'`: inputs and outputs are in the units of the data, if the model has a scaler. `'scaled'`: both as the model
   * has them. Default `'data'`.
   */
  units?: 'data' | 'scaled'
  /**
   * What the outputs are, if a scaler is to invert them: values of the targets, or so many quantiles of each, those of
   * the first target first. Default `'point'`.
   */
  head?: 'point' | 'quantiles'
  /**
   * Whether the features of a model with a series' scaler begin with the targets, as the `Series` option of this name
   * says. Default `true`.
   */
  autoregressive?: boolean
}

/** The options with their defaults. */
export interface Settings {
  readonly batch: { readonly max: number; readonly wait: number; readonly latency: number | undefined }
  readonly queue: Readonly<Required<QueueOptions>>
  readonly lanes: number
  readonly threads: number
  readonly engine: 'auto' | 'native' | 'tensor'
  readonly warmup: boolean
  readonly rejectNonFinite: boolean
  readonly dtype: 'float32' | 'bfloat16'
  /** Undefined: of a source that is a path. */
  readonly shareWeights: boolean | undefined
  readonly sessions: {
    readonly max: number
    readonly idle: number
    readonly store: SessionStore | undefined
    readonly interval: number
  }
  readonly input: Readonly<InputOptions>
  readonly units: 'data' | 'scaled'
  readonly head: 'point' | 'quantiles'
  readonly autoregressive: boolean
}

export interface ReloadOptions {
  /** Its name. Default: `v2`, `v3`, and so on. */
  name?: string
  /** Its share of the requests, from 0 to 1; the others have the rest. Default 1, and the version before is kept. */
  share?: number
  /**
   * What becomes of sessions whose state does not fit the new model: `'keep'` refuses such a model, `'reset'` lets them
   * begin anew. A state that fits goes on. Default `'keep'`.
   */
  sessions?: 'keep' | 'reset'
}

export interface CloseOptions {
  /**
   * How long what waits may take, in ms; what is not done then is `ERR_TORCH_CLOSED`. Saving the sessions may take as long
   * again, and at least 1000 ms. Default 5000.
   */
  drain?: number
}

const OWNER = 'serve'
/** Of a sequence: each engine is warmed up with as many. */
const MOST_STEPS = 1 << 24
const KEYS = [
  'batch',
  'queue',
  'lanes',
  'threads',
  'engine',
  'warmup',
  'rejectNonFinite',
  'dtype',
  'shareWeights',
  'sessions',
  'input',
  'units',
  'head',
  'autoregressive',
] as const satisfies (keyof ServeOptions)[]

/** @throws {TorchError} for an unknown option or a wrong value. */
export function readOptions(options: ServeOptions): Settings {
  checkOptions(OWNER, options, KEYS)
  const { lanes = 1, threads = 1, warmup = true, rejectNonFinite = true, dtype = 'float32' } = options
  const { engine = 'auto', units = 'data', head = 'point', autoregressive = true, shareWeights } = options
  requireInteger(OWNER, 'lanes', lanes, 1, 256)
  requireInteger(OWNER, 'threads', threads, 1, 256)
  requireChoice(OWNER, 'engine', engine, ['auto', 'native', 'tensor'])
  requireBoolean(OWNER, 'warmup', warmup)
  requireBoolean(OWNER, 'rejectNonFinite', rejectNonFinite)
  requireChoice(OWNER, 'dtype', dtype, ['float32', 'bfloat16'])
  if (shareWeights !== undefined) requireBoolean(OWNER, 'shareWeights', shareWeights)
  requireChoice(OWNER, 'units', units, ['data', 'scaled'])
  requireChoice(OWNER, 'head', head, ['point', 'quantiles'])
  requireBoolean(OWNER, 'autoregressive', autoregressive)
  return {
    batch: readBatch(options.batch ?? {}),
    queue: readQueue(options.queue ?? {}),
    lanes,
    threads,
    engine,
    warmup,
    rejectNonFinite,
    dtype,
    shareWeights,
    sessions: readSessions(options.sessions ?? {}),
    input: readInput(options.input ?? {}),
    units,
    head,
    autoregressive,
  }
}

function readBatch(batch: BatchOptions): Settings['batch'] {
  checkOptions(`${OWNER}: batch`, batch, ['max', 'wait', 'latency'])
  const { max = 64, wait = 0, latency } = batch
  requireInteger(OWNER, 'batch.max', max, 1, 1 << 16)
  requireDelay(OWNER, 'batch.wait', wait)
  if (latency !== undefined) requirePositive(OWNER, 'batch.latency', latency)
  return { max, wait, latency }
}

function readQueue(queue: QueueOptions): Settings['queue'] {
  checkOptions(`${OWNER}: queue`, queue, ['max', 'steps', 'timeout', 'aging'])
  const { max = 1000, steps = 20_000, timeout = Number.POSITIVE_INFINITY, aging = 100 } = queue
  requireInteger(OWNER, 'queue.max', max, 1)
  requireInteger(OWNER, 'queue.steps', steps, 1)
  requirePositive(OWNER, 'queue.timeout', timeout)
  requireNonNegative(OWNER, 'queue.aging', aging)
  if (!Number.isFinite(aging)) throw invalid(OWNER, 'queue.aging', 'finite', aging, 'ERR_TORCH_VALUE')
  return { max, steps, timeout, aging }
}

function readSessions(sessions: SessionsOptions): Settings['sessions'] {
  checkOptions(`${OWNER}: sessions`, sessions, ['max', 'idle', 'store', 'interval'])
  const { max = 10_000, idle = Number.POSITIVE_INFINITY, store, interval = Number.POSITIVE_INFINITY } = sessions
  requireInteger(OWNER, 'sessions.max', max, 1)
  requirePositive(OWNER, 'sessions.idle', idle)
  requirePositive(OWNER, 'sessions.interval', interval)
  if (store === undefined && interval < Number.POSITIVE_INFINITY) {
    throw torchError('ERR_TORCH_OPTION', `${OWNER}: sessions.interval needs a store, sessions.store`, { op: OWNER })
  }
  if (store !== undefined) {
    if (typeof store !== 'object' || store === null) {
      throw invalid(OWNER, 'sessions.store', 'an object with load, save and delete', store)
    }
    for (const method of ['load', 'save', 'delete'] as const) {
      requireFunction(OWNER, `sessions.store.${method}`, store[method])
    }
  }
  return { max, idle, store, interval }
}

function readInput(input: InputOptions): Settings['input'] {
  checkOptions(`${OWNER}: input`, input, ['size', 'numEmbeddings', 'steps', 'maxSteps'])
  for (const key of ['size', 'numEmbeddings', 'steps', 'maxSteps'] as const) {
    if (input[key] !== undefined)
      requireInteger(OWNER, `input.${key}`, input[key], 1, /steps/i.test(key) ? MOST_STEPS : MOST_VALUES)
  }
  const { steps, maxSteps } = input
  if (steps !== undefined && maxSteps !== undefined && steps > maxSteps) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${OWNER}: input.steps is ${steps}, which is more than input.maxSteps, ${maxSteps}: no request would fit`,
      { op: OWNER },
    )
  }
  return { ...input }
}

/** Options of a request. */
export interface PredictOptions {
  /**
   * Aborting it takes the request out of the queue, or leaves its result unused if it is being computed; it rejects with
   * the signal's reason.
   */
  signal?: AbortSignal
  /** The time, in ms as of `Date.now()`, when it becomes `ERR_TORCH_TIMEOUT` if it has no answer. Default: none. */
  deadline?: number
  /** A higher one goes first; see `queue.aging`. From -100 to 100. Default 0. */
  priority?: number
  /** The shape of a Float32Array: [steps, inputSize]. Default: as many steps as it has. */
  shape?: readonly [number, number]
  /** The group of the series, if each has scales of its own. */
  group?: string
  /** The version that computes it. Default: as `route` says. */
  version?: string
}

const NONE: PredictOptions = Object.freeze({})
const PREDICT_KEYS = ['signal', 'deadline', 'priority', 'shape', 'group', 'version'] as const

/** @throws {TorchError} for an unknown option or a wrong value. */
export function readPredict(owner: string, options: PredictOptions | undefined): PredictOptions {
  if (options === undefined) return NONE
  checkOptions(owner, options, PREDICT_KEYS)
  const { deadline, priority, group, version, shape } = options
  if (deadline !== undefined && !Number.isFinite(deadline)) {
    throw invalid(owner, 'deadline', 'a time in ms, as of Date.now()', deadline)
  }
  if (priority !== undefined) requireInteger(owner, 'priority', priority, -100, 100)
  if (shape !== undefined && !Array.isArray(shape)) throw invalid(owner, 'shape', '[steps, inputSize]', shape)
  if (group !== undefined) requireString(owner, 'group', group)
  if (version !== undefined) requireString(owner, 'version', version)
  return options
}
