import { type TorchError, torchError } from '../errors.ts'
import type { Engine } from './engine.ts'
import { failureOf } from './failure.ts'
import { Lanes } from './lanes.ts'
import type { Tally } from './metrics.ts'
import { ours } from './realm.ts'
import { type Limits, type Queue, Waiting } from './request.ts'
import { EndOfTurn } from './turn.ts'
import type { Units } from './units.ts'

/** The session of a step, as its steps see it. */
export interface Stepped {
  readonly slot: number
  readonly group: string | undefined
  /** A step is done, or was given up before it began: the next one may follow. */
  free(stepped: boolean, now: number): void
}

/** Steps of different sessions that will be computed together, with their samples. */
interface Block {
  readonly slots: Int32Array
  readonly x: Float32Array | Int32Array
  readonly steps: (Step | undefined)[]
  count: number
}

/** One step of a session. */
export class Step extends Waiting {
  readonly session: Stepped
  /** A copy, while an earlier step of the session is not done. */
  sample: Float32Array | Int32Array | undefined
  /** Where it is while it waits to be computed. */
  block: Block | undefined
  row = 0

  constructor(session: Stepped, tally: Tally, limits: Limits, timeout: number, now: number) {
    super('step', tally, limits, timeout, now)
    this.session = session
  }
}

/**
 * The most steps that are computed together. Two groups of this size take turns: while one is computed, the answers of
 * the other are given and its next steps come.
 */
const ROWS = 512
/** As many steps are handed over while all lanes are busy, so that a lane need not wait for the event loop. */
const AHEAD = ROWS / 2

/** Computes the steps of sessions of one version together: those that come within one turn, or while others run. */
export class Stepper implements Queue {
  readonly #engine: Engine
  readonly #units: Units | undefined
  readonly #lanes: Lanes
  readonly #tally: Tally
  /** The last one is being filled. */
  readonly #blocks: Block[] = []
  readonly #spare: Block[] = []
  /** Those that were asked when a lane was free, in this turn. */
  readonly #hopeful: Step[] = []
  readonly #endOfTurn = new EndOfTurn(() => this.#turn())

  constructor(engine: Engine, units: Units | undefined, lanes: number, tally: Tally) {
    this.#engine = engine
    this.#units = units
    this.#lanes = new Lanes(lanes)
    this.#tally = tally
  }

  /** Whether all lanes are busy. */
  get isBusy(): boolean {
    return !this.#lanes.areFree
  }

  /** Notes a step that was asked when a lane was free: it may not get it. */
  hope(step: Step): void {
    this.#hopeful.push(step)
    this.#endOfTurn.ask()
  }

  /** Adds a step of a session of which no other step is here. */
  add(step: Step, sample: Float32Array | Int32Array): void {
    const { inputSize } = this.#engine
    let block = this.#blocks.at(-1)
    if (block === undefined || block.count === ROWS) {
      block = this.#spare.pop() ?? this.#newBlock()
      this.#blocks.push(block)
    }
    const at = block.count * inputSize
    block.x.set(sample, at)
    if (this.#units !== undefined && sample instanceof Float32Array) {
      const row = block.x.subarray(at, at + inputSize) as Float32Array
      this.#units.scale('step', row, row, step.session.group)
    }
    step.block = block
    step.row = block.count
    block.steps[block.count++] = step
    if (this.#lanes.areFree || this.#lanes.canPrepare) this.#endOfTurn.ask()
  }

  #newBlock(): Block {
    const { inputSize, numEmbeddings } = this.#engine
    const x = numEmbeddings === null ? new Float32Array(ROWS * inputSize) : new Int32Array(ROWS)
    return { slots: new Int32Array(ROWS), x, steps: [], count: 0 }
  }

  /** A step that was given up leaves a gap, which is closed before the block is computed. */
  remove(waiting: Waiting): void {
    const step = waiting as Step
    if (step.block?.steps[step.row] !== step) return
    step.block.steps[step.row] = undefined
    step.session.free(false, performance.now())
  }

  /** Gives up all that waits. */
  clear(error: unknown): void {
    for (const step of this.#blocks.flatMap(({ steps }) => [...steps])) step?.reject(error, 'rejected')
  }

  #turn(): void {
    this.#start()
    if (this.#hopeful.length === 0) return
    const now = performance.now()
    for (const step of this.#hopeful.splice(0)) step.passOver(now)
  }

  #start(): void {
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      const isNext = this.#lanes.areFree || (this.#lanes.canPrepare && block.count >= AHEAD)
      if (!isNext) return
      this.#blocks.shift()
      this.#run(block)
    }
  }

  /** Closes the gaps of those that were given up, or whose time is over. Returns the steps, in the order of their rows. */
  #gather(block: Block, now: number): Step[] {
    const { inputSize } = this.#engine
    const { x, slots, steps } = block
    const rows: Step[] = []
    for (let i = 0; i < block.count; i++) {
      const step = steps[i]
      if (step === undefined) continue
      step.block = undefined
      if (!step.run(now)) {
        step.session.free(false, now)
        continue
      }
      const row = rows.push(step) - 1
      slots[row] = step.session.slot
      if (row < i) x.copyWithin(row * inputSize, i * inputSize, (i + 1) * inputSize)
    }
    steps.length = 0
    block.count = 0
    return rows
  }

  #run(block: Block): void {
    const now = performance.now()
    const rows = this.#gather(block, now)
    if (rows.length === 0) {
      this.#recycle(block)
      return
    }
    const run = this.#lanes.begin(now)
    this.#tally.batches += 1
    this.#compute(block, rows.length).then(
      ({ y, failed }) => {
        const end = performance.now()
        this.#tally.compute.record(this.#lanes.end(run, end), end)
        this.#ended()
        this.#answer(rows, ours(y), failed)
      },
      (error: unknown) => {
        const end = performance.now()
        this.#lanes.end(run, end)
        this.#ended()
        for (const step of rows) {
          step.reject(failureOf('step', error), 'failed')
          step.session.free(false, end)
        }
      },
    )
    // The engine has copied it.
    this.#recycle(block)
  }

  async #compute({ slots, x }: Block, rows: number) {
    return await this.#engine.step(slots.subarray(0, rows), x.subarray(0, rows * this.#engine.inputSize))
  }

  #recycle(block: Block): void {
    if (this.#spare.length < 4) this.#spare.push(block)
  }

  /** What is full goes on at once; the rest waits for those that come when they have their answers. */
  #ended(): void {
    if (this.#blocks.length > 1) this.#start()
    else if (this.#blocks.length > 0) this.#endOfTurn.ask()
  }

  #answer(rows: readonly Step[], y: Float32Array, failed: readonly number[]): void {
    const { outputSize } = this.#engine
    const now = performance.now()
    const bad = failed.length === 0 ? undefined : new Set(failed)
    for (let i = 0; i < rows.length; i++) {
      const step = rows[i] as Step
      const isBad = bad?.has(i) === true
      if (isBad) step.reject(this.#problem(), 'failed')
      else if (!step.settled) {
        const output = y.slice(i * outputSize, (i + 1) * outputSize)
        this.#units?.invert('step', output, output, step.session.group)
        this.#tally.served += 1
        this.#tally.latency.record(now - step.since, now)
        step.resolve(output)
      }
      step.session.free(!isBad, now)
    }
  }

  #problem(): TorchError {
    const { numEmbeddings } = this.#engine
    if (numEmbeddings === null) {
      return torchError(
        'ERR_TORCH_NON_FINITE',
        'step: the sample has NaN or infinity; the state is as it was before it',
      )
    }
    return torchError(
      'ERR_TORCH_INDEX',
      `step: there are ${numEmbeddings} tokens, from 0 to ${numEmbeddings - 1}; the state is as it was before`,
    )
  }
}
