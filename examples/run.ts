// npm run example -- <name> [arguments]: runs one of the programs in this folder.
import { existsSync, readdirSync } from 'node:fs'

const names = readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
  .map((entry) => (entry.isDirectory() ? `${entry.name}/main.ts` : entry.name))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && existsSync(new URL(file, import.meta.url)))
const [name, ...rest] = process.argv.slice(2)
const file = names.find((candidate) => candidate.replace(/(\/main)?\.ts$/, '') === name)

if (file === undefined) {
  console.error(`Which example? ${name === undefined ? '' : `There is no '${name}'. `}There are:`)
  for (const candidate of names) console.error(`  npm run example -- ${candidate.replace(/(\/main)?\.ts$/, '')}`)
  process.exitCode = 1
} else {
  process.argv = [...process.argv.slice(0, 2), ...rest]
  await import(new URL(file, import.meta.url).href)
}
