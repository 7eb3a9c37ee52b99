// Help texts and docs/command-line.md say the same.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
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
  it('of train has each setting, with its choices and defaults, and examples', () => {
    const { status, stdout } = command(temporaryFolder(), ['help', 'train'])
    expect(status).toBe(0)
    const help = squeezed(stdout)
    for (const [heading, part] of Object.entries(PARTS)) {
      expect(stdout).toMatch(new RegExp(`^${heading}:$`, 'm'))
      for (const [key, setting] of Object.entries(part) as [string, Setting][]) {
        expect(help).toContain(` ${termOf(key, setting)} ${squeezed(helpOf(setting))} `)
      }
    }
    expect(stdout).toMatch(/^Examples:$/m)
  })

  it('lists each command of the guide', () => {
    const { stdout } = command(temporaryFolder(), ['--help'])
    const commands = [...stdout.matchAll(/^ {2}(\w+) .*\[options\]|^ {2}(uninstall) /gm)].map(([, a, b]) => a ?? b)
    for (const name of commands) expect(stdout).toContain(name)
    for (const [, name] of guide.matchAll(/npx libtorch-rnn (\w+)/g)) {
      expect([...commands, 'help']).toContain(name)
    }
  })
})
