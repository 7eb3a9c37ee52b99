import { readdirSync, readFileSync } from 'node:fs'

/** Something that does `count` units of work. */
export interface Side {
  readonly name: string
  readonly count: number
  run(): Promise<void>
}

export interface Measured {
  readonly side: Side
  /** Units per second. */
  readonly rate: number
  /** µs of CPU for each unit, of the main thread and of the busiest other one; NaN where only Linux tells. */
  readonly main: number
  readonly busiest: number
}

const TASKS = '/proc/self/task'
const MAIN = String(process.pid)

/** The ns of CPU of each thread of this process. */
function threads(): Map<string, number> {
  const found = new Map<string, number>()
  if (process.platform !== 'linux') return found
  for (const thread of readdirSync(TASKS)) {
    try {
      found.set(thread, Number(readFileSync(`${TASKS}/${thread}/schedstat`, 'utf8').split(' ')[0]))
    } catch {
      // It has ended.
    }
  }
  return found
}

interface Turn {
  rate: number
  main: number
  busiest: number
}

async function turn(side: Side): Promise<Turn> {
  const before = threads()
  const start = performance.now()
  await side.run()
  const seconds = (performance.now() - start) / 1000
  const after = threads()
  const used = (thread: string): number =>
    ((after.get(thread) ?? Number.NaN) - (before.get(thread) ?? 0)) / 1000 / side.count
  const others = [...after.keys()].filter((thread) => thread !== MAIN).map(used)
  return { rate: side.count / seconds, main: used(MAIN), busiest: Math.max(Number.NEGATIVE_INFINITY, ...others) }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

/** Measures all sides in turns; the first one of each warms up. */
export async function measured(sides: readonly Side[], rounds: number): Promise<Measured[]> {
  const turns = new Map<Side, Turn[]>(sides.map((side) => [side, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const side of sides) {
      const one = await turn(side)
      if (round > 0) turns.get(side)?.push(one)
    }
  }
  return sides.map((side) => {
    const all = turns.get(side) as Turn[]
    const of = (key: keyof Turn): number => median(all.map((one) => one[key]))
    return { side, rate: of('rate'), main: of('main'), busiest: of('busiest') }
  })
}
