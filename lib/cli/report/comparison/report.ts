import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, torchError } from '../../../errors.ts'
import { COMPARISON, type Comparison } from '../../comparison.ts'
import { footOf } from '../foot.ts'
import type { Report } from '../page.ts'
import { settingsSection } from '../sections/settings.ts'
import { comparedDataSection } from './data.ts'
import { coursesSection, stepsSection, timesSection } from './evidence.ts'
import { comparisonHead } from './head.ts'
import { differencesSection, networksSection } from './networks.ts'
import { comparedRepeatSection } from './repeat.ts'

/** Reads the result of a comparison. @throws {TorchError} if it is not of the form of this version. */
export function readComparison(folder: string): Comparison {
  const path = join(folder, COMPARISON)
  let found: Partial<Comparison>
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as Partial<Comparison>
  } catch (cause) {
    const isJSON = cause instanceof SyntaxError
    throw torchError(
      isJSON ? 'ERR_TORCH_FORMAT' : 'ERR_TORCH_FILE',
      `${path} ${isJSON ? 'is not valid JSON' : 'cannot be read'}: ${messageOf(cause)}`,
      { cause },
    )
  }
  if (found.kind === 'comparison' && found.version === 1 && Array.isArray(found.models)) return found as Comparison
  throw torchError('ERR_TORCH_FORMAT', `${path} is not a comparison of this version of libtorch-rnn`)
}

/** The report of a comparison. */
export function comparisonReport(comparison: Comparison): Report {
  const { data, settings, about } = comparison
  const steps = settings.horizon ?? 1
  return {
    title: `Networks for ${data.targets.join(', ')}, ${steps} ${steps === 1 ? 'step' : 'steps'} ahead`,
    head: comparisonHead(comparison),
    sections: [
      networksSection(comparison),
      ...(comparison.differences.length === 0 ? [] : [differencesSection(comparison)]),
      timesSection(comparison),
      stepsSection(comparison),
      coursesSection(comparison),
      comparedDataSection(comparison),
      settingsSection(settings),
      comparedRepeatSection(comparison),
    ],
    foot: footOf(about['libtorch-rnn']),
  }
}
