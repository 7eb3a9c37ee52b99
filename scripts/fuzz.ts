// Calls everything that the package exports with all kinds of arguments, with new seeds, until the time is up:
// npm run fuzz -- --minutes 30. To reproduce a finding, pass the --seed and --call that it prints. Between the rounds it
// runs the property tests, with the seeds that it prints.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE } from '../lib/native/package.ts'
import { fuzz } from '../test/fuzz/fuzz.ts'

const CALLS = 20_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    call: { type: 'string' },
  },
})

const seen = new Map<string, number>()
async function run(seed: number, first: number, count: number): Promise<void> {
  await fuzz(seed, first, count, ({ call, target, args, what }) => {
    const lines = what.split('\n')
    // One key per kind of finding: its message, and where in the library it comes from.
    const kind = `${target} | ${lines[0]} | ${lines.find((line) => line.includes('/lib/')) ?? ''}`
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    if (seen.get(kind) === 1) console.log(`--seed ${seed} --call ${call}\n  ${target}(${args})\n  ${what}\n`)
  })
}

const properties = readdirSync(join(PACKAGE, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => join('test', file))
  .filter((file) => /fc\.assert\(|LIBTORCH_RNN_FUZZ_SEED/.test(readFileSync(join(PACKAGE, file), 'utf8')))

function runProperties(seed: number): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    // It may be one of many on a busy machine.
    ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=600000', ...properties],
    { cwd: PACKAGE, encoding: 'utf8', env: { ...process.env, LIBTORCH_RNN_FUZZ_SEED: String(seed) } },
  )
  if (status === 0) return
  seen.set(`properties ${seed}`, 1)
  console.log(`LIBTORCH_RNN_FUZZ_SEED=${seed} npx vitest run ${properties.join(' ')}\n${stdout}\n${stderr}`)
}

if (values.seed !== undefined) {
  const first = Number(values.call ?? 0)
  await run(Number(values.seed), first, values.call === undefined ? CALLS : 1)
} else {
  const end = Date.now() + Number(values.minutes) * 60_000
  let rounds = 0
  do {
    const seed = Math.floor(Math.random() * 2 ** 31)
    console.log(`seed ${seed}`)
    await run(seed, 0, CALLS)
    runProperties(seed)
    rounds++
  } while (Date.now() < end)
  console.log(`${rounds * CALLS} calls, ${seen.size} kinds of findings`)
}
process.exitCode = seen.size === 0 ? 0 : 1
