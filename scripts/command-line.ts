// Writes the tables of settings into docs/command-line.md, from the table that the commands use.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { helpOf, type Part, termOf } from '../lib/cli/flags.ts'
import { PARTS, type Setting } from '../lib/cli/settings.ts'

export const GUIDE = fileURLToPath(new URL('../docs/command-line.md', import.meta.url))

/** A table of Markdown, aligned as the formatter of the documents does it. */
function tableOf(part: Part): string {
  const rows = (Object.entries(part) as [string, Setting][]).map(([key, setting]) => [
    `\`${termOf(key, setting)}\``,
    `\`${key}\``,
    helpOf(setting).replaceAll('|', '\\|'),
  ])
  const all = [['flag', 'key', 'meaning'], ...rows]
  const widths = [0, 1, 2].map((i) => Math.max(...all.map((row) => (row[i] as string).length)))
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(all[0] as string[]), rule, ...rows.map(line)].join('\n')
}

/** The guide with the tables of today. */
export function updated(guide: string): string {
  return Object.entries(PARTS).reduce((text, [heading, part]) => {
    const table = new RegExp(`(\n### ${heading}\n)\n*(\\|.*\\|\n)*\n*`)
    if (!table.test(text)) throw new Error(`docs/command-line.md has no section '### ${heading}'`)
    return text.replace(table, (_, start: string) => `${start}\n${tableOf(part)}\n\n`)
  }, guide)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(GUIDE, updated(readFileSync(GUIDE, 'utf8')))
