// The guide, docs/training.md, is complete.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { messageOf } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import * as train from '../../lib/train/index.ts'
import { CHECKOUT } from '../support/checkout.ts'

const guide = readFileSync(join(CHECKOUT, 'docs/training.md'), 'utf8')

/** The choices that the error for a wrong option names. */
function choices(options: object, list: RegExp): string[] {
  try {
    new train.Trainer(new nn.Linear(1, 1), options)
  } catch (error) {
    return list.exec(messageOf(error))?.[1]?.split(', ') ?? []
  }
  throw new Error('the options are not refused')
}

test('the table of options has each option of a Trainer, and no other', () => {
  const section = guide.slice(guide.indexOf('\n## Options\n'), guide.indexOf('\nAn unknown option throws'))
  const rows = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.toSorted()).toEqual(choices({ none: 1 }, /Options are (.*)$/).toSorted())
})

test('each loss by name is in the table of losses', () => {
  const names = choices({ loss: 'none' }, /loss must be (.*), a loss module/)
  expect(names).toContain('crossEntropy')
  for (const name of names) expect(guide).toContain(`\`'${name}'\``)
})

test('each callback of the library is in the list', () => {
  const names = Object.entries(train).flatMap(([name, value]) =>
    typeof value === 'function' && !('prototype' in value && /^[A-Z]/.test(name)) ? [name] : [],
  )
  expect(names).toContain('csvLogger')
  for (const name of names) expect(guide).toMatch(new RegExp(`^\\| \`${name}\\(`, 'm'))
})
