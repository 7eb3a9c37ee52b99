import type { Request } from './request.ts'

/** Those of the same order stay in that of their calls. */
const before = (a: Request, b: Request): boolean => a.order < b.order || (a.order === b.order && a.number < b.number)

/** Requests by their order, from each of which it can be taken out: a binary heap that notes where each one is. */
export class Heap {
  readonly #items: Request[] = []

  get size(): number {
    return this.#items.length
  }

  push(item: Request): void {
    this.#items.push(item)
    this.#up(item, this.#items.length - 1)
  }

  /** Takes out the first. */
  pop(): Request | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  remove(item: Request): void {
    const { index } = item
    const last = this.#items.pop() as Request
    item.index = -1
    if (last === item) return
    if (index > 0 && before(last, this.#items[(index - 1) >> 1] as Request)) this.#up(last, index)
    else this.#down(last, index)
  }

  /** All of them, in no order. */
  [Symbol.iterator](): IterableIterator<Request> {
    return [...this.#items][Symbol.iterator]()
  }

  #place(item: Request, index: number): void {
    this.#items[index] = item
    item.index = index
  }

  #up(item: Request, start: number): void {
    let index = start
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1] as Request
      if (!before(item, parent)) break
      this.#place(parent, index)
      index = (index - 1) >> 1
    }
    this.#place(item, index)
  }

  #down(item: Request, start: number): void {
    const { length } = this.#items
    let index = start
    for (let child = 2 * index + 1; child < length; child = 2 * index + 1) {
      const right = child + 1
      if (right < length && before(this.#items[right] as Request, this.#items[child] as Request)) child = right
      const next = this.#items[child] as Request
      if (!before(next, item)) break
      this.#place(next, index)
      index = child
    }
    this.#place(item, index)
  }
}
