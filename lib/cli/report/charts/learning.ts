import type { Chart } from '../chart.ts'
import { seriesTone, tone } from '../palette.ts'
import { countAxis, positiveY } from './axes.ts'

/** One training in a chart of learning curves. */
export interface Course {
  readonly name: string
  readonly epochs: readonly { readonly epoch: number; readonly train: number; readonly validation?: number }[]
  /** The epoch whose weights the model has. */
  readonly best: number | null
}

/** The loss of each epoch, with a ring around the chosen one. Lines that end together are told apart by colour. */
export function learningChart(name: string, title: string, courses: readonly Course[]): Chart {
  const values = courses.flatMap(({ name, epochs, best }) =>
    epochs.flatMap(({ epoch, train, validation }) => [
      { epoch, loss: train, part: 'training', course: name, chosen: false },
      ...(validation === undefined
        ? []
        : [{ epoch, loss: validation, part: 'validation', course: name, chosen: epoch === best }]),
      ...(validation === undefined && epoch === best
        ? [{ epoch, loss: train, part: 'training', course: name, chosen: true }]
        : []),
    ]),
  )
  const finite = values.filter(({ loss }) => Number.isFinite(loss))
  const last = finite.reduce((most, { epoch }) => Math.max(most, epoch), 1)
  const room = 0.015 * (Math.max(last, 2) - 1)
  const x = {
    field: 'epoch',
    type: 'quantitative',
    // There is no epoch 0; at both ends there is room for half a ring.
    scale: { domain: [1 - room, Math.max(last, 2) + room], nice: false, zero: false },
    axis: countAxis('Epoch'),
  }
  const y = {
    field: 'loss',
    ...positiveY(
      'Loss',
      finite.map(({ loss }) => loss),
    ),
  }
  const single = courses.length === 1
  const [key, names] = single ? ['part', ['training', 'validation']] : ['course', courses.map((one) => one.name)]
  const present = single && !finite.some(({ part }) => part === 'validation') ? ['training'] : names
  const color = {
    field: key,
    type: 'nominal',
    scale: {
      domain: present,
      range: single ? [tone('naive'), tone('model')] : courses.map((_, i) => seriesTone(i)),
    },
    legend: { symbolType: 'stroke', columns: { expr: 'width < 460 ? 2 : 6' } },
  }
  const dashes: Readonly<Record<string, readonly number[]>> = { training: [4, 3], validation: [1, 0] }
  const parts = single ? present : ['validation', 'training']
  const dash = {
    field: 'part',
    type: 'nominal',
    scale: { domain: parts, range: parts.map((part) => dashes[part]) },
    // Of one training, the legend of the colours has the dashes, too.
    ...(single ? {} : { legend: { symbolType: 'stroke', symbolStrokeColor: tone('ink') } }),
  }
  const tooltip = [
    ...(single ? [] : [{ field: 'course', title: 'network' }]),
    { field: 'epoch', title: 'epoch' },
    { field: 'part', title: 'part' },
    { field: 'loss', title: 'loss', format: '.4~g' },
  ]
  return {
    name,
    title,
    summary: courses.map(summaryOf).join(' '),
    zooms: true,
    spec: {
      data: { values: finite },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 2, clip: true },
          encoding: { x, y, color, strokeDash: dash, detail: [{ field: 'course' }, { field: 'part' }] },
        },
        {
          mark: { type: 'point', size: 40, filled: true, opacity: 0, clip: true },
          encoding: { x, y, color, tooltip },
        },
        {
          transform: [{ filter: 'datum.chosen' }],
          // A ring, because another model's may lie under it.
          mark: { type: 'point', size: 130, filled: false, strokeWidth: 2.5, opacity: 1 },
          encoding: { x, y, color, tooltip },
        },
      ],
    },
  }
}

function summaryOf({ name, epochs, best }: Course): string {
  const chosen = epochs.find(({ epoch }) => epoch === best)
  const [first, last] = [epochs[0], epochs.at(-1)]
  if (first === undefined || last === undefined) return `${name} has no epochs.`
  const loss = (value: number): string => value.toPrecision(3)
  const end = `${name}: training loss from ${loss(first.train)} to ${loss(last.train)} in ${last.epoch} epochs`
  if (chosen === undefined) return `${end}.`
  const at = chosen.validation === undefined ? '' : `, with a validation loss of ${loss(chosen.validation)}`
  return `${end}; the chosen epoch is ${chosen.epoch}${at}.`
}
