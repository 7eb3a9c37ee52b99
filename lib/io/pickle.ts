import { Buffer } from 'node:buffer'
import { describe } from '../describe.ts'
import type { Budget } from './budget.ts'
import { type Coroutine, pause } from './coroutine.ts'

/** Not a pickle of plain data. */
export class PickleError extends Error {}

/** The bytes end before the pickle does. */
export class PickleEndError extends PickleError {}

/** A Python tuple, which allows other operations than a list. */
export class Tuple {
  readonly items: readonly unknown[]

  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** A function or class named in a pickle that has a counterpart here. */
export interface Callable {
  /** `torch._utils._rebuild_tensor_v2` */
  name: string
  /**
   * Missing for names that are not called, such as storage types. Charges `budget` for the objects it makes, in
   * advance.
   */
  call?: (args: readonly unknown[], budget: Budget) => unknown
}

/** Resolves the names in a pickle: they are looked up nowhere else. */
export interface Names {
  /** Throws if a pickle may not use this name. */
  global(module: string, name: string): unknown
  persistent(id: unknown, budget: Budget): unknown
}

/** The depth of containers. Python's own pickles are limited to about 300 levels. */
export const DEEPEST = 1000
const DIGITS = 4300
const MARK = Symbol('mark')
/** Longer than any Python name that is supported here. */
const LONGEST_NAME = 1000
/** The number of opcodes run, or bytes charged, without a pause: a millisecond or two. */
const BATCH = 10_000
const BATCH_BYTES = 1 << 20

/** The approximate size of objects, and of an item in them, in V8's heap. */
export const COST = {
  list: 64,
  item: 24,
  tuple: 80,
  map: 256,
  entry: 128,
  member: 64,
  bytes: 100,
  text: 32,
  tensor: 512,
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A machine for the opcodes that Python's pickle writes for containers, numbers and text (protocols 2 to 5), and no
 * others. A dict becomes a Map, a set a Set, a list an Array, a tuple a {@link Tuple}, bytes a Uint8Array, an int
 * beyond 2^53 a BigInt. It executes no code from the pickle: only what `names` returns can be called.
 * @see https://docs.python.org/3/library/pickletools.html
 */
class Machine {
  readonly #bytes: Buffer
  readonly #names: Names
  readonly #memo = new Map<number, unknown>()
  #stack: unknown[] = []
  #position: number
  readonly #budget: Budget

  constructor(bytes: Uint8Array, start: number, names: Names, budget: Budget) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#position = start
    this.#names = names
    this.#budget = budget
  }

  *run(): Coroutine<{ value: unknown; end: number }> {
    let paused = this.#budget.made
    for (let opcodes = 1; ; opcodes++) {
      if (opcodes % BATCH === 0 || this.#budget.made - paused > BATCH_BYTES) {
        paused = this.#budget.made
        yield* pause()
      }
      const opcode = this.#take(1)[0] as number
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#position }
      const execute = OPCODES[opcode]
      if (execute === undefined) {
        throw new PickleError(
          `opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${this.#position - 1} is not allowed in plain data`,
        )
      }
      execute(this)
    }
  }

  #take(length: number): Buffer {
    const end = this.#position + length
    if (!(end <= this.#bytes.length)) throw new PickleEndError('the pickle ends early')
    const taken = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return taken
  }

  uint(size: 1 | 2 | 4): number {
    return this.#take(size).readUIntLE(0, size)
  }

  int32(): number {
    return this.#take(4).readInt32LE()
  }

  double(): number {
    return this.#take(8).readDoubleBE()
  }

  size64(): number {
    const size = this.#take(8).readBigUInt64LE()
    if (size > BigInt(this.#bytes.length)) throw new PickleEndError('the pickle ends early')
    return Number(size)
  }

  skip(length: number): void {
    this.#take(length)
  }

  line(): string {
    const near = this.#bytes.subarray(this.#position, this.#position + LONGEST_NAME)
    const length = near.indexOf(0x0a)
    if (length < 0 && near.length < LONGEST_NAME) throw new PickleEndError('the pickle ends early')
    if (length < 0) throw new PickleError('a name is too long')
    const line = this.#text(this.#take(length))
    this.#position++
    return line
  }

  #text(bytes: Buffer): string {
    try {
      return decoder.decode(bytes)
    } catch {
      throw new PickleError('a string is not valid UTF-8')
    }
  }

  string(length: number): void {
    const bytes = this.#take(length)
    this.#budget.charge(COST.text + 2 * length)
    this.push(this.#text(bytes))
  }

  bytes(length: number): void {
    const bytes = this.#take(length)
    this.#budget.charge(COST.bytes + length)
    this.push(Uint8Array.from(bytes))
  }

  /** A two's complement number of any length. */
  long(length: number): void {
    if (length > DIGITS) throw new PickleError('a number has more digits than Python reads')
    this.#budget.charge(length)
    const bytes = Buffer.from(this.#take(length)).reverse()
    const magnitude = length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`)
    this.integer(BigInt.asIntN(length * 8, magnitude))
  }

  integer(value: bigint): void {
    const number = Number(value)
    this.push(Number.isSafeInteger(number) ? number : value, 32)
  }

  /** Pushes a value that needs about `bytes` of memory. */
  push(value: unknown, bytes = 16): void {
    this.#budget.charge(bytes)
    this.#stack.push(value)
  }

  #pop(): unknown {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) throw new PickleError('malformed pickle: stack underflow')
    return value
  }

  pop(): unknown {
    return this.#pop()
  }

  top(): unknown {
    const value = this.#pop()
    this.#stack.push(value)
    return value
  }

  mark(): void {
    this.push(MARK)
  }

  /** Pops the items above the last mark, and the mark. */
  popMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) throw new PickleError('malformed pickle: stack underflow')
    const items = this.#stack.splice(mark)
    items.shift()
    return items
  }

  put(index: number): void {
    this.#budget.charge(COST.member)
    this.#memo.set(index, this.top())
  }

  memoize(): void {
    this.put(this.#memo.size)
  }

  get(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) throw new PickleError(`malformed pickle: the memo has no object ${index}`)
    this.push(value)
  }

  tuple(items: readonly unknown[]): void {
    this.push(new Tuple(items), COST.tuple + COST.item * items.length)
  }

  append(items: readonly unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw new PickleError(`appends to ${describe(list)}`)
    // V8 reserves space for 17 items with the first.
    this.#budget.charge(COST.item * (items.length + (list.length === 0 ? 6 : 0)))
    for (const item of items) list.push(item)
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top()
    if (!(dict instanceof Map)) throw new PickleError(`sets items of ${describe(dict)}`)
    if (items.length % 2 !== 0) throw new PickleError('a dict has a key without a value')
    this.#budget.charge((COST.entry / 2) * items.length)
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
  }

  addItems(items: readonly unknown[]): void {
    const set = this.top()
    if (!(set instanceof Set)) throw new PickleError(`adds to ${describe(set)}`)
    this.#budget.charge(COST.member * items.length)
    for (const item of items) set.add(item)
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new PickleError('malformed pickle: a global has no name')
    if (module.length + name.length > LONGEST_NAME) throw new PickleError('a name is too long')
    this.push(this.#names.global(module, name))
  }

  persistent(): void {
    this.push(this.#names.persistent(this.#pop(), this.#budget))
  }

  reduce(): void {
    const args = this.#pop()
    const callable = this.#pop() as Callable
    if (!(args instanceof Tuple)) throw new PickleError('calls something without a tuple of arguments')
    if (typeof callable !== 'object' || typeof callable?.call !== 'function' || typeof callable.name !== 'string') {
      throw new PickleError(`calls ${typeof callable?.name === 'string' ? callable.name : describe(callable)}`)
    }
    this.push(callable.call(args.items, this.#budget))
  }

  /** Sets the attributes of an object. Only an OrderedDict may have any, such as the `_metadata` of a state dict. */
  build(): void {
    const state = this.#pop()
    const object = this.top()
    if (!(object instanceof Map) || !(state instanceof Map)) {
      throw new PickleError(`sets attributes of ${describe(object)}`)
    }
  }
}

type Execute = (machine: Machine) => void

const OPCODES: readonly (Execute | undefined)[] = (() => {
  const table: (Execute | undefined)[] = new Array(256).fill(undefined)
  const define = (opcode: number | string, execute: Execute): void => {
    table[typeof opcode === 'string' ? opcode.charCodeAt(0) : opcode] = execute
  }
  define(0x80, (m) => {
    const protocol = m.uint(1)
    if (protocol < 2 || protocol > 5) throw new PickleError(`protocol ${protocol} is not supported, only 2 to 5`)
  })
  define(0x95, (m) => m.skip(8)) // FRAME
  define('(', (m) => m.mark())
  define('0', (m) => m.pop())
  define('1', (m) => m.popMark())
  define('2', (m) => m.push(m.top()))
  define('N', (m) => m.push(null))
  define(0x88, (m) => m.push(true))
  define(0x89, (m) => m.push(false))
  define('K', (m) => m.push(m.uint(1)))
  define('M', (m) => m.push(m.uint(2)))
  define('J', (m) => m.push(m.int32()))
  define(0x8a, (m) => m.long(m.uint(1)))
  define(0x8b, (m) => m.long(m.uint(4)))
  define('G', (m) => m.push(m.double(), 16))
  define('U', (m) => m.string(m.uint(1)))
  define('T', (m) => m.string(m.uint(4)))
  define('X', (m) => m.string(m.uint(4)))
  define(0x8c, (m) => m.string(m.uint(1)))
  define(0x8d, (m) => m.string(m.size64()))
  define('C', (m) => m.bytes(m.uint(1)))
  define('B', (m) => m.bytes(m.uint(4)))
  define(0x8e, (m) => m.bytes(m.size64()))
  define(0x96, (m) => m.bytes(m.size64())) // BYTEARRAY8
  define(')', (m) => m.tuple([]))
  define(0x85, (m) => m.tuple([m.pop()]))
  define(0x86, (m) => m.tuple([m.pop(), m.pop()].reverse()))
  define(0x87, (m) => m.tuple([m.pop(), m.pop(), m.pop()].reverse()))
  define('t', (m) => m.tuple(m.popMark()))
  define(']', (m) => m.push([], COST.list))
  define('l', (m) => {
    const items = m.popMark()
    m.push(items, COST.list + COST.item * items.length)
  })
  define('}', (m) => m.push(new Map(), COST.map))
  define('d', (m) => {
    const items = m.popMark()
    m.push(new Map(), COST.map)
    m.setItems(items)
  })
  define(0x8f, (m) => m.push(new Set(), COST.map))
  define(0x91, (m) => {
    const items = m.popMark()
    m.push(new Set(), COST.map)
    m.addItems(items)
  })
  define('a', (m) => m.append([m.pop()]))
  define('e', (m) => m.append(m.popMark()))
  define('s', (m) => m.setItems([m.pop(), m.pop()].reverse()))
  define('u', (m) => m.setItems(m.popMark()))
  define(0x90, (m) => m.addItems(m.popMark()))
  define('q', (m) => m.put(m.uint(1)))
  define('r', (m) => m.put(m.uint(4)))
  define(0x94, (m) => m.memoize())
  define('h', (m) => m.get(m.uint(1)))
  define('j', (m) => m.get(m.uint(4)))
  define('c', (m) => m.global(m.line(), m.line()))
  define(0x93, (m) => {
    const name = m.pop()
    m.global(m.pop(), name)
  })
  define('Q', (m) => m.persistent())
  define('R', (m) => m.reduce())
  define(0x81, (m) => m.reduce()) // NEWOBJ: cls.__new__(cls, *args)
  define('b', (m) => m.build())
  return table
})()

/**
 * Returns the value of the pickle that begins at `start`, and the position of its end.
 *
 * @throws {PickleEndError} if the bytes end before the pickle does.
 * @throws {PickleError} if it is not a pickle of plain data.
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  names: Names,
  budget: Budget,
): Coroutine<{ value: unknown; end: number }> {
  return new Machine(bytes, start, names, budget).run()
}
