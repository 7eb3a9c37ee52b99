// npm run ci:full: checks that take too long to run on every change. Arguments name the stages to run; the default is
// all. Each stage runs even if an earlier one failed.
import { browser } from './browser.ts'
import { builds } from './builds.ts'
import { declarations } from './declarations.ts'
import { runners } from './runners.ts'
import type { Stage } from './stage.ts'

const STAGES: readonly Stage[] = [...builds, runners, declarations, browser]

const names = process.argv.slice(2)
const unknown = names.filter((name) => !STAGES.some((stage) => stage.name === name))
if (unknown.length > 0) {
  const list = STAGES.map(({ name, title }) => `  ${name}: ${title}`)
  console.error(`ci:full: there is no stage ${unknown.join(', ')}. The stages:\n${list.join('\n')}`)
  process.exit(1)
}

const results: string[] = []
for (const { name, title, run } of STAGES) {
  if (names.length > 0 && !names.includes(name)) continue
  console.log(`\nci:full: ${name}: ${title}\n`)
  const start = performance.now()
  let outcome = 'passed'
  try {
    await run()
  } catch (error) {
    outcome = `failed: ${error instanceof Error ? error.message : error}`
    process.exitCode = 1
  }
  results.push(`ci:full: ${name}: ${outcome} (${((performance.now() - start) / 60_000).toFixed(1)} min)`)
}
console.log(`\n${results.join('\n')}`)
