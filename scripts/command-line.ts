// Writes the tables of flags into docs/command-line.md: those of the commands and of the table of settings.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { COMPARE } from '../lib/cli/compare/settings.ts'
import { helpOf, type Part, termOf } from '../lib/cli/flags.ts'
import { addModelCommands } from '../lib/cli/models.ts'
import { PARTS, type Setting } from '../lib/cli/settings.ts'

export const GUIDE = fileURLToPath(new URL('../docs/command-line.md', import.meta.url))

/** A table of Markdown, aligned as the formatter of the documents does it. */
function tableOf(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows]
  const widths = heading.map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`
  return [line(heading), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

const escaped = (text: string): string => text.replaceAll('|', '\\|')

function settingsTable(part: Part): string {
  const rows = (Object.entries(part) as [string, Setting][]).map(([key, setting]) => [
    `\`${termOf(key, setting)}\``,
    `\`${key}\``,
    escaped(helpOf(setting)),
  ])
  return tableOf(['flag', 'key', 'meaning'], rows)
}

function commandTable(command: Command): string {
  const rows = command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help')
    .map((option) => [`\`${option.flags}\``, escaped(command.createHelp().optionDescription(option))])
  return tableOf(['flag', 'meaning'], rows)
}

/** The guide with the tables of today, each in the section of its heading. */
export function updated(guide: string): string {
  const program = new Command()
  addModelCommands(program)
  const tables = new Map<string, string>([
    ...Object.entries(PARTS).map(([heading, part]): [string, string] => [heading, settingsTable(part)]),
    ['compare', settingsTable(COMPARE)],
    ...program.commands
      .filter((one) => !['train', 'compare'].includes(one.name()))
      .map((one): [string, string] => [one.name(), commandTable(one)]),
  ])
  const sections = guide.split(/(?=^#{2,3} )/m).map((section) => {
    const heading = /^### (\w+)$/m.exec(section)?.[1] ?? ''
    const table = tables.get(heading)
    if (table === undefined) return section
    tables.delete(heading)
    const old = /(?:^\|.*\n)+/m
    return old.test(section) ? section.replace(old, () => `${table}\n`) : `${section.trimEnd()}\n\n${table}\n\n`
  })
  if (tables.size > 0) throw new Error(`docs/command-line.md has no section for ${[...tables.keys()].join(', ')}`)
  return sections.join('')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(GUIDE, updated(readFileSync(GUIDE, 'utf8')))
