import { numberText } from '../../output.ts'
import { learningChart } from '../charts/learning.ts'
import { html } from '../html.ts'
import type { RunFolder } from '../run-folder.ts'
import type { Section } from '../section.ts'
import { table } from '../table.ts'
import { counted } from './head.ts'

/** Rows of a table that are still read. */
const MOST_ROWS = 200

/** How the loss fell, and which epoch was chosen. */
export function learningSection({ history, result, config }: RunFolder, name: string): Section {
  const { bestEpoch, stopReason, epochs, seconds } = result
  const isRestored = config.settings.restoreBest !== false
  const columns = ['epoch', ...Object.keys(history[0] ?? {}).filter((key) => key !== 'epoch')]
  const chart = learningChart('learning', 'Loss by epoch', [
    {
      name,
      best: bestEpoch,
      epochs: history.map(({ epoch = 0, trainLoss = Number.NaN, validationLoss }) => ({
        epoch,
        train: trainLoss,
        ...(validationLoss === undefined ? {} : { validation: validationLoss }),
      })),
    },
  ])
  const rows = history.slice(-MOST_ROWS)
  return {
    id: 'learning',
    title: 'Learning',
    parts: [
      html`<p>${counted(epochs, 'epoch')} in ${seconds.toFixed(1)} s${stopReason !== null && `; it ended because ${reason(stopReason)}`}. ${bestEpoch !== null && (isRestored ? `The model has the weights of epoch ${bestEpoch}, the best on the validation part.` : `Epoch ${bestEpoch} was the best; the model has the weights of the last.`)}</p>`,
      {
        chart,
        caption: html`<p>${(config.settings.task ?? 'forecast') === 'forecast' && 'The loss is that of scaled values. '}${bestEpoch !== null && 'The ring is the best epoch.'} The training loss of an epoch is measured while the weights change, the validation loss after it.</p>`,
        table: html`${table(
          columns,
          rows.map((row) =>
            columns.map((column) =>
              column === 'epoch'
                ? html`${row.epoch}${row.epoch === bestEpoch && ' (best)'}`
                : numberText(row[column] ?? Number.NaN),
            ),
          ),
          { caption: 'The results of each epoch' },
        )}${rows.length < history.length && html`<p class="note">The last ${MOST_ROWS} epochs; the others are in history.csv.</p>`}`,
      },
    ],
  }
}

/** A reason of an ending as the end of a sentence. */
const reason = (text: string): string =>
  text.replace(/\.$/, '').replace('validationLoss', 'the validation loss').replace('trainLoss', 'the training loss')
