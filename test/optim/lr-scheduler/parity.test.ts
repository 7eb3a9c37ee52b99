// Every schedule against PyTorch, also from PyTorch's saved states.
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as optim from '../../../lib/optim/index.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { readFixture } from '../../support/fixture.ts'

const { lrScheduler, swaUtils } = optim
type Scheduler = optim.lrScheduler.LRScheduler

interface Spec {
  kind: string
  args: unknown[]
  options: Record<string, unknown>
}

interface Case extends Spec {
  optimizer: 'SGD' | 'Adam'
  /** What the steps get: epochs, or metrics. */
  epochs?: number[]
  metrics?: number[]
  /** The groups have initial learning rates already, twice the present ones. */
  resumed?: true
  /** Of the first group after each step, and of the second after every tenth. */
  rates: [number[], number[]]
  momenta?: [number[], number[]]
}

const STEPS = 200
const SAVED = 70
const EXACT = { rtol: 1e-12, atol: 1e-12 }

const FUNCTIONS: Record<string, (epoch: number) => number> = {
  wave: (epoch) => 1.5 + Math.sin(epoch / 10),
  decay: () => 0.98,
  grow: (epoch) => (epoch % 2 === 1 ? 1.01 : 0.99),
  root: (x) => 1 / Math.sqrt(x),
}

/** An argument of a case: the name of a function, a schedule, or just data. */
function argument(value: unknown, optimizer: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => argument(one, optimizer))
  if (typeof value === 'object' && value !== null) return make(value as Spec, optimizer)
  return typeof value === 'string' ? (FUNCTIONS[value] ?? value) : value
}

function make({ kind, args, options }: Spec, optimizer: unknown): Scheduler {
  const Class = ({ ...lrScheduler, ...swaUtils } as unknown as Record<string, new (...args: unknown[]) => Scheduler>)[
    kind
  ]
  if (Class === undefined) throw new Error(`no ${kind}`)
  const own = args.map((one) => argument(one, optimizer))
  const named = Object.fromEntries(Object.entries(options).map(([key, one]) => [key, argument(one, optimizer)]))
  return kind === 'ChainedScheduler' ? new Class(...own, named) : new Class(optimizer, ...own, named)
}

function begin(one: Case) {
  const [a, b] = [0, 1].map(() => torch.zeros([1], { requiresGrad: true }))
  const groups = [{ params: [a] }, { params: [b], lr: 0.02 }] as never
  const optimizer =
    one.optimizer === 'SGD' ? new optim.SGD(groups, { lr: 0.1, momentum: 0.9 }) : new optim.Adam(groups, { lr: 0.1 })
  if (one.resumed) {
    for (const group of optimizer.paramGroups) {
      group.initialLr = group.lr
      group.lr *= 0.5
    }
  }
  a?.add(b as never)
    .sum()
    .backward()
  return { optimizer, scheduler: make(one, optimizer) }
}

const momentumOf = (group: { momentum?: number; betas?: readonly number[] }): number =>
  (group.betas?.[0] ?? group.momentum) as number

/** The rates and momenta of the groups from a step on. */
function run(one: Case, { optimizer, scheduler }: ReturnType<typeof begin>, from = 0, to = STEPS) {
  const rates: number[][] = [[], []]
  const momenta: number[][] = [[], []]
  const step = scheduler.step.bind(scheduler) as (given?: number) => void
  for (let i = from; i < to; i++) {
    const { paramGroups } = optimizer
    expect(scheduler.getLastLr()).toEqual(paramGroups.map(({ lr }) => lr))
    paramGroups.forEach((group, index) => {
      if (index === 1 && i % 10 !== 0) return
      rates[index]?.push(group.lr)
      momenta[index]?.push(momentumOf(group))
    })
    if (i === STEPS - 1) break
    optimizer.step()
    step((one.metrics ?? one.epochs)?.[i])
  }
  return { rates, momenta }
}

function check(one: Case, got: ReturnType<typeof run>, from = 0): void {
  const rest = ([first, second]: [number[], number[]]) => [first.slice(from), second.slice(Math.ceil(from / 10))]
  expectClose(got.rates[0] as number[], rest(one.rates)[0] as number[], EXACT)
  expectClose(got.rates[1] as number[], rest(one.rates)[1] as number[], EXACT)
  const momenta = one.momenta ?? [one.rates[0].map(() => 0.9), one.rates[1].map(() => 0.9)]
  expectClose(got.momenta[0] as number[], rest(momenta as [number[], number[]])[0] as number[], EXACT)
  expectClose(got.momenta[1] as number[], rest(momenta as [number[], number[]])[1] as number[], EXACT)
}

const cases = readFixture<Case[]>('lr-scheduler')
const saved = torch.loadSync<{ scheduler: Record<string, unknown>; optimizer: never }[]>(
  fileURLToPath(new URL('../../fixtures/lr-scheduler.pt', import.meta.url)),
)

const nameOf = ({ kind, args, options, optimizer, epochs }: Case): string => {
  const list = (one: unknown): string =>
    typeof one === 'object' && one !== null && 'kind' in one ? String(one.kind) : JSON.stringify(one)
  const texts = [...args, options].map((one) => (Array.isArray(one) ? `[${one.map(list).join(', ')}]` : list(one)))
  return `${kind}(${texts.join(', ')}) of ${optimizer}${epochs === undefined ? '' : ' by epochs'}`
}

test('all schedules are among the cases', () => {
  const kinds = new Set(cases.map(({ kind }) => kind))
  const all = Object.keys({ ...lrScheduler, ...swaUtils }).filter((name) =>
    /LR$|Scheduler$|Restarts$|Plateau$/.test(name),
  )
  expect([...kinds].sort()).toEqual(all.filter((name) => name !== 'LRScheduler').sort())
})

describe.each(cases.map((one, index) => [nameOf(one), one, index] as const))('%s', (_, one, index) => {
  test("has PyTorch's learning rates", () => check(one, run(one, begin(one))))

  test('goes on from its own state, as JSON', () => {
    const before = begin(one)
    const first = run(one, before, 0, SAVED)
    const { paramGroups } = before.optimizer.stateDict()
    const settings = JSON.stringify(paramGroups)
    const state = JSON.stringify(before.scheduler.stateDict())
    const after = begin(one)
    after.optimizer.loadStateDict({ state: {}, paramGroups: JSON.parse(settings) })
    after.scheduler.loadStateDict(JSON.parse(state))
    expect(JSON.stringify(after.scheduler.stateDict())).toBe(state)
    const second = run(one, after, SAVED)
    const joined = (name: 'rates' | 'momenta'): number[][] =>
      [0, 1].map((group) => [...(first[name][group] as number[]), ...(second[name][group] as number[])])
    check(one, { rates: joined('rates'), momenta: joined('momenta') })
  })

  test("goes on from PyTorch's state", () => {
    const { optimizer, scheduler } = begin(one)
    optimizer.loadStateDict(saved[index]?.optimizer as never)
    scheduler.loadStateDict(saved[index]?.scheduler as never)
    check(one, run(one, { optimizer, scheduler }, SAVED), SAVED)
  })
})
