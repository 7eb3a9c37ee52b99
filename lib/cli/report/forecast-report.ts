import { RecurrentModel } from '../../models/index.ts'
import { footOf } from './foot.ts'
import type { ForecastRun } from './forecast-run.ts'
import type { Report } from './page.ts'
import { attributionsSection } from './sections/attributions.ts'
import { dataSection } from './sections/data.ts'
import { errorsSection } from './sections/errors.ts'
import { forecastsSection } from './sections/forecasts.ts'
import { forecastHead } from './sections/head.ts'
import { insideSection } from './sections/inside.ts'
import { learningSection } from './sections/learning.ts'
import { nextSection } from './sections/next.ts'
import { repeatSection } from './sections/repeat.ts'
import { residualsSection } from './sections/residuals.ts'
import { settingsSection } from './sections/settings.ts'
import { worstSection } from './sections/worst.ts'

/** The report of a run that forecasts. */
export async function forecastReport(run: ForecastRun): Promise<Report> {
  const { series, metadata, own, config } = run
  return {
    title: `Forecast of ${series.targets.join(', ')}, ${metadata.horizon} ${metadata.horizon === 1 ? 'step' : 'steps'} ahead`,
    head: forecastHead(run),
    sections: [
      await forecastsSection(run),
      await nextSection(run),
      dataSection(run),
      learningSection(run, own),
      errorsSection(run),
      residualsSection(run),
      await worstSection(run),
      await attributionsSection(run),
      ...(run.model instanceof RecurrentModel ? [await insideSection(run)] : []),
      settingsSection(config.settings),
      repeatSection(run, run.data),
    ],
    foot: footOf(run.config.about?.['libtorch-rnn']),
  }
}
