import { withPresets } from '../../config.ts'
import { flagOf, type Given, type Key, SETTINGS, type Setting } from '../../settings.ts'
import { type Html, html } from '../html.ts'
import type { Section } from '../section.ts'
import { table } from '../table.ts'

const shown = (value: unknown): string =>
  Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'string' ? value : JSON.stringify(value)

/** All settings: first those that differ from their values without. */
export function settingsSection(given: Given): Section {
  const presets: Readonly<Record<string, unknown>> = withPresets(given.task === undefined ? {} : { task: given.task })
  const all = (Object.keys(SETTINGS) as Key[]).filter((key) => given[key] !== undefined)
  const own = all.filter((key) => JSON.stringify(given[key]) !== JSON.stringify(presets[key]))
  const others = all.filter((key) => !own.includes(key))
  const row = (key: Key): (string | Html)[] => {
    const { help }: Setting = SETTINGS[key]
    return [html`<code>${flagOf(key)}</code>`, shown(given[key]), help]
  }
  const heading = ['Setting', 'Value', 'Meaning']
  return {
    id: 'settings',
    title: 'Settings',
    parts: [
      table(heading, own.map(row), { caption: 'The settings that were chosen', words: 3 }),
      html`<details><summary>The ${others.length} settings with their values without</summary>${table(heading, others.map(row), { caption: 'The settings with their values without', words: 3 })}</details>`,
    ],
  }
}
