import { isFloat32Array } from 'node:util/types'
import { checkOptions, invalid, requireSignal } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Signature } from './input.ts'
import type { SessionState } from './session-state.ts'
import type { Sessions } from './sessions.ts'

/** One step of a sequence: (inputSize) values, or one number, which may be a token. */
export type StepInput = Float32Array | readonly number[] | number
/** The output of a step: of a Float32Array one, else an array, (outputSize), or (horizon * outputSize). */
export type StepOutput<X extends StepInput> = X extends Float32Array ? Float32Array : number[]

export interface StepOptions {
  /**
   * Aborting it takes a step that waits out of the queue; it rejects with the signal's reason. The state of a step that
   * has begun is kept.
   */
  signal?: AbortSignal
  /** The time, in ms as of `Date.now()`, when it becomes `ERR_TORCH_TIMEOUT` if it has no answer. Default: none. */
  deadline?: number
}

const NONE: StepOptions = Object.freeze({})

const CONSTRUCT = Symbol('construct')

/** @internal */
export let sessionOf: (sessions: Sessions, state: SessionState) => Session

/**
 * A sequence that arrives step by step, with its state. Steps are computed in the order of their calls, together with
 * those of other sessions. Made by {@link Server.session}.
 */
export class Session {
  /** Its name in the server and its store. */
  readonly id: string
  readonly #sessions: Sessions
  #state: SessionState

  static {
    sessionOf = (sessions, state) => new Session(CONSTRUCT, sessions, state)
  }

  // Protected, so that `new Session()` does not compile.
  protected constructor(key: symbol, sessions: Sessions, state: SessionState) {
    if (key !== CONSTRUCT) throw torchError('ERR_TORCH_TYPE', 'new Session() has no server: use server.session(id)')
    this.id = state.id
    this.#sessions = sessions
    this.#state = state
  }

  /** How many steps led to its state, also before it was restored; 0 until a store has been asked. */
  get steps(): number {
    return this.#state.steps
  }

  /**
   * Takes one step. The sample may be used again at once.
   *
   * @param sample (inputSize) values in the units of the data, or a token
   * @returns (outputSize), times the horizon, in the form of the sample
   * @throws {TorchError} (rejects) `ERR_TORCH_NON_FINITE` for NaN or infinity, which do not change the state;
   *   `ERR_TORCH_OVERLOADED`, `ERR_TORCH_TIMEOUT` as of a request; `ERR_TORCH_CLOSED` if the session or the server was
   *   closed, or the session was dropped because it was idle.
   */
  step<X extends StepInput>(sample: X, options: StepOptions = NONE): Promise<StepOutput<X>> {
    try {
      const promise = this.#step(sample, options)
      if (ArrayBuffer.isView(sample)) return promise as Promise<StepOutput<X>>
      return promise.then((output) => Array.from(output)) as Promise<StepOutput<X>>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #step(sample: StepInput, options: StepOptions): Promise<Float32Array> {
    if (options !== NONE) checkStepOptions(options)
    if (this.#state.status === 'gone') this.#state = this.#sessions.revive('step', this.#state)
    const values = readSample(sample, this.#state.version.signature)
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    return this.#sessions.step(this.#state, values, options)
  }

  /**
   * The state after the steps that were called before, for `server.session(id, { state })`, also of another process.
   * @throws {TorchError} (rejects) `ERR_TORCH_CLOSED` as {@link step}.
   */
  async save(): Promise<Uint8Array> {
    if (this.#state.status === 'gone') this.#state = this.#sessions.revive('save', this.#state)
    return await this.#sessions.save(this.#state)
  }

  /** Ends it after the steps that were called before; its state is forgotten, also by the store. */
  async close(): Promise<void> {
    if (this.#state.status === 'gone') {
      if (this.#state.end !== undefined) return
      // It is in the store. Another session of this id has to wait until it is not.
      this.#state = this.#sessions.revive('close', this.#state)
    }
    await this.#sessions.close(this.#state)
  }
}

function checkStepOptions(options: StepOptions): void {
  checkOptions('step', options, ['signal', 'deadline'])
  const { deadline, signal } = options
  if (deadline !== undefined && !Number.isFinite(deadline)) {
    throw invalid('step', 'deadline', 'a time in ms, as of Date.now()', deadline)
  }
  requireSignal('step', signal)
}

function readSample(sample: unknown, { inputSize, numEmbeddings }: Signature): Float32Array | Int32Array {
  if (numEmbeddings !== null) {
    const token: unknown = Array.isArray(sample) && sample.length === 1 ? sample[0] : sample
    if (typeof token === 'number' && (token | 0) === token) return Int32Array.of(token)
    throw invalid('step', 'sample', 'a token, an integer', sample)
  }
  if (isFloat32Array(sample) && sample.length === inputSize) return sample
  if (typeof sample === 'number' && inputSize === 1) return Float32Array.of(sample)
  const isArray = Array.isArray(sample) || isFloat32Array(sample)
  const wanted = `a Float32Array or an array of ${inputSize} number${inputSize === 1 ? '' : 's'}`
  if (!isArray) throw invalid('step', 'sample', wanted, sample)
  const values = sample as readonly unknown[]
  if (values.length !== inputSize) {
    throw torchError('ERR_TORCH_SHAPE', `step: the sample must be ${wanted}, got ${values.length}`, { op: 'step' })
  }
  const wrong = Array.from(values).findIndex((value) => typeof value !== 'number')
  if (wrong >= 0) throw invalid('step', `sample[${wrong}]`, 'a number', values[wrong])
  return Float32Array.from(values as readonly number[])
}
