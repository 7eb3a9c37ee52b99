// Help texts and docs/command-line.md say the same.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COMPARE_PARTS } from '../../lib/cli/compare/settings.ts'
import { helpOf, termOf } from '../../lib/cli/flags.ts'
import { PARTS, type Setting } from '../../lib/cli/settings.ts'
import { GUIDE, updated } from '../../scripts/command-line.ts'
import { command } from '../support/command.ts'
import { temporaryFolder } from '../support/folder.ts'

const guide = readFileSync(GUIDE, 'utf8')
const squeezed = (text: string): string => text.replaceAll(/\s+/g, ' ')

describe('the guide', () => {
  it('has the tables of today: npm run generate', () => {
    expect(updated(guide)).toBe(guide)
  })

  it('names the exit codes and each file of a run', () => {
    for (const part of ['| 0 ', '| 1 ', '| 2 ', '| 130, 143 ']) expect(guide).toContain(part)
  })
})

describe('help', () => {
  it.each([
    ['train', PARTS],
    ['compare', COMPARE_PARTS],
  ])('of %s has each setting, with its choices and defaults, and examples', (name, parts) => {
    const { status, stdout } = command(temporaryFolder(), ['help', name])
    expect(status).toBe(0)
    const help = squeezed(stdout)
    for (const [heading, part] of Object.entries(parts)) {
      expect(stdout).toMatch(new RegExp(`^${heading}:$`, 'm'))
      for (const [key, setting] of Object.entries(part) as [string, Setting][]) {
        expect(help).toContain(` ${termOf(key, setting)} ${squeezed(helpOf(setting))} `)
      }
    }
    expect(stdout).toMatch(/^Examples:$/m)
  })

  it.each(['train', 'compare', 'evaluate', 'forecast', 'predict', 'attribute', 'generate', 'inspect', 'report'])(
    'of %s has examples that can be understood',
    (name) => {
      const { stdout } = command(temporaryFolder(), ['help', name])
      const examples = stdout.slice(stdout.indexOf('\nExamples:\n'))
      const flags = [...examples.matchAll(/ (--[\w-]+)/g)].map(([, flag]) => flag as string)
      expect(examples).toContain(`libtorch-rnn ${name} `)
      for (const flag of flags) expect(stdout).toMatch(new RegExp(`^ +${flag}( |$)`, 'm'))
    },
  )

  it('lists each command, and the guide names no other', () => {
    const { stdout } = command(temporaryFolder(), ['--help'])
    const list = stdout.slice(stdout.indexOf('Commands:'))
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name as string)
    expect(commands).toEqual(
      expect.arrayContaining(['train', 'compare', 'evaluate', 'forecast', 'predict', 'inspect', 'doctor']),
    )
    for (const [, name] of guide.matchAll(/npx libtorch-rnn (\w+)/g)) expect(commands).toContain(name)
  })
})
