// Calls what the package exports with arguments of all kinds: node child.ts SEED FIRST COUNT PROGRESS_FILE. It writes the
// number of each call before it makes it, so that a crash or an endless call has a name, and a line of JSON for each
// call that gave something else than a value or a TorchError.
import { openSync, writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { TorchError } from '../../lib/errors.ts'
import { torch } from '../../lib/torch.ts'
import { Random } from './random.ts'
import { type Call, findTargets } from './targets.ts'
import { OwnError } from './values.ts'

export interface Finding {
  call: number
  target: string
  args: string
  what: string
}

const [seed = 0, first = 0, count = 0] = process.argv.slice(2, 5).map(Number)
const progress = openSync(process.argv[5] as string, 'w')
const PATIENCE = 5_000

/** What JavaScript itself says of a receiver that is none, a class that is called, a revoked proxy, a detached array. */
const RECEIVER =
  /Receiver must be|(read|write|access) private|Class constructors? .*cannot be invoked without 'new'|proxy that has been revoked|detached ArrayBuffer|called on incompatible receiver|Cannot convert undefined or null to object|of a private (member|method)/

let current: (Call & { call: number; target: string }) | undefined

function show(value: unknown): string {
  try {
    return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 60, maxArrayLength: 8 })
  } catch {
    return `<${typeof value}>`
  }
}

function report(what: string): void {
  if (current === undefined) return
  const { call, target, args } = current
  const finding: Finding = { call, target, args: args.map(show).join(', '), what }
  writeSync(1, `${JSON.stringify(finding)}\n`)
}

function judge(thrown: unknown): void {
  if (thrown instanceof OwnError) return
  if (thrown instanceof TorchError) {
    if (!/^ERR_TORCH_/.test(thrown.code)) report(`code ${show(thrown.code)}: ${thrown.message}`)
    else if (thrown.message.length <= 8) report(`an error that says nothing: '${thrown.message}'`)
    else if (INSIDES.test(thrown.message)) report(`words of LibTorch's insides: ${thrown.message}`)
    return
  }
  if (thrown instanceof TypeError && (current?.torn || RECEIVER.test(thrown.message))) return
  report(thrown instanceof Error ? (thrown.stack ?? String(thrown)) : `throws ${show(thrown)}`)
}

/** What only LibTorch's developers can use. */
const INSIDES = /INTERNAL ASSERT|report (a bug|an enhancement)|get_mkldnn_dtype|Exception raised from|std::|\.cpp:\d/

async function settled(result: unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      report('a promise that has not settled after 5 s')
      resolve()
    }, PATIENCE)
  })
  try {
    await Promise.race([result, late])
  } catch (error) {
    judge(error)
  } finally {
    clearTimeout(timer)
  }
}

process.on('uncaughtException', judge)
process.on('unhandledRejection', (error) => {
  if (!(error instanceof OwnError))
    report(`an unhandled rejection: ${error instanceof Error ? error.stack : show(error)}`)
})
process.on('warning', () => {})

const { targets } = await findTargets()
const number = new Float64Array(1)
for (let call = first; call < first + count; call++) {
  number[0] = call
  writeSync(progress, number, 0, 8, 0)
  const random = new Random(seed, call)
  const target = random.pick(targets)
  torch.manualSeed(call)
  let pending: unknown
  torch.tidy(() => {
    try {
      const prepared = target.prepare(random)
      current = { ...prepared, call, target: target.name }
      // One in four is queued, while this thread reads what it was given.
      const queued = random.chance(0.25)
      const result = queued ? torch.offload(() => prepared.run()) : prepared.run()
      if (queued) show(prepared.args)
      if (result instanceof Promise) pending = result
    } catch (error) {
      judge(error)
    }
  })
  if (pending !== undefined) await settled(pending)
  // Unhandled rejections come between two turns of the loop.
  if (call % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
}
process.exit(0)
