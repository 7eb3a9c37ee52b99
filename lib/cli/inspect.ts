import { SeriesScaler } from '../data/index.ts'
import { summary } from '../inspect/index.ts'
import { type Header, readHeader } from '../io/index.ts'
import { withPresets } from './config.ts'
import {
  type ClassMetadata,
  calibrationOf,
  type ForecastMetadata,
  isClassMetadata,
  isForecastMetadata,
  isTextMetadata,
  type Training,
} from './metadata.ts'
import { loadTrained, type TrainedModel } from './networks/load.ts'
import { numberText, type Output, tableText } from './output.ts'
import { flagOf, type Key } from './settings.ts'

/** The key of the description that `model.save` writes. */
const DESCRIPTION = 'libtorch-rnn'

/** Prints what a safetensors file holds: a model with all that is saved with it, or tensors. */
export async function inspect(path: string, output: Output): Promise<void> {
  const header = await readHeader(path)
  if (header.metadata[DESCRIPTION] === undefined) {
    return output.result({ file: path, ...header }, () => tensorsText(header))
  }
  const model = await loadTrained(path)
  const { config, metadata, scaler, calibration, vocabulary } = model
  const description = {
    file: path,
    config,
    parameters: model.countParameters(),
    metadata,
    scaler: scaler?.config ?? null,
    calibration,
    vocabulary: vocabulary?.config ?? null,
    tensors: header.tensors,
  }
  output.result(description, () => modelText(path, model))
}

function tensorsText({ tensors, metadata }: Header): string {
  const rows = Object.entries(tensors).map(([name, { dtype, shape }]) => [name, dtype, `(${shape.join(', ')})`])
  const entries = Object.entries(metadata).map(([key, value]) => `${key}: ${value}`)
  return [tableText([['Tensor', 'dtype', 'shape'], ...rows]), ...(entries.length > 0 ? ['', ...entries] : [])].join(
    '\n',
  )
}

function modelText(path: string, model: TrainedModel): string {
  return [`${path}: ${model}`, '', summary(model), ...sectionsOf(model)].join('\n')
}

/** What is saved with a model, under headings; what this program did not write as JSON. */
function sectionsOf(model: TrainedModel): string[] {
  const { metadata, scaler, vocabulary } = model
  const sections: [string, string][] = []
  if (isForecastMetadata(metadata))
    sections.push(['Reads', readsText(model, metadata)], ['Training', trainingText(metadata)])
  else if (isClassMetadata(metadata))
    sections.push(
      ['Reads', sequencesText(metadata)],
      ['Classes', classesText(metadata)],
      ['Training', trainingText(metadata)],
    )
  else if (isTextMetadata(metadata)) sections.push(['Training', trainingText(metadata)])
  else if (Object.keys(metadata).length > 0) sections.push(['Metadata', JSON.stringify(metadata, null, 2)])
  if (scaler instanceof SeriesScaler) sections.push(['Scales', scalesText(scaler)])
  else if (scaler !== null) sections.push(['Scales', JSON.stringify(scaler.config)])
  if (vocabulary !== null) sections.push(['Vocabulary', `${vocabulary.size} tokens, by ${vocabulary.level}`])
  return sections.flatMap(([heading, text]) => ['', heading, text.replaceAll(/^/gm, '  ')])
}

function sequencesText({ columns: { sequence, label, time, inputs } }: ClassMetadata): string {
  const rows: [string, readonly string[]][] = [
    ['sequence', sequence ?? ['a row each']],
    ['label', [label]],
    ['time', [time ?? 'the order of rows']],
    ['inputs', inputs],
  ]
  return tableText(
    rows.map(([name, values]) => [name, values.join(', ')]),
    'left',
  )
}

function classesText({ labels, counts, weights }: ClassMetadata): string {
  const heading = ['class', 'sequences', ...(weights === null ? [] : ['weight'])]
  const rows = labels.map((label, k) => [
    label,
    ...[counts[k], weights?.[k]].flatMap((value) => (value === undefined ? [] : [numberText(value)])),
  ])
  return tableText([heading, ...rows])
}

function readsText(model: TrainedModel, metadata: ForecastMetadata): string {
  const { series, past, horizon } = metadata
  const { time, targets, inputs = [], calendar = [], groups = [] } = series
  const columns: [string, string | readonly string[]][] = [
    ['time', time],
    ['targets', targets],
    ['inputs', inputs],
    ['calendar', calendar],
    ['groups', groups],
    ['past', `${past} steps`],
    ['horizon', `${horizon} steps`],
    ['intervals', calibrationOf(model, metadata)?.levels.map(String) ?? []],
  ]
  return tableText(
    columns.filter(([, value]) => value.length > 0).map(([name, value]) => [name, [value].flat().join(', ')]),
    'left',
  )
}

/** When and how it was trained: the settings that differ from their values without. */
function trainingText({ training: { settings, about, epochs, bestEpoch } }: { readonly training: Training }): string {
  const presets: Readonly<Record<string, unknown>> = withPresets(
    settings.task === undefined ? {} : { task: settings.task },
  )
  const own = Object.entries(settings).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(presets[key]))
  const rows = own.map(([key, value]) => [
    flagOf(key as Key),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return tableText(
    [
      ['epochs', `${epochs}${bestEpoch === null ? '' : `, the best is ${bestEpoch}`}`],
      ['libtorch-rnn', `${about['libtorch-rnn']} with LibTorch ${about.libtorch}`],
      ['data', `SHA-256 ${about.dataSha256 ?? 'unknown'}`],
      ...rows,
    ],
    'left',
  )
}

function scalesText({ config: { targets, inputs, groups, scalers, difference } }: SeriesScaler): string {
  const columns = [...targets, ...inputs]
  const rows = scalers.flatMap((row, g) =>
    row.map((scaler, i) => [
      ...(groups === null ? [] : [groups[g] as string]),
      columns[i] as string,
      `${scaler?.type ?? 'none'}${difference !== undefined && i < targets.length ? `, difference of ${difference}` : ''}`,
      numberText(scaler?.center[0] ?? 0),
      numberText(scaler?.scale[0] ?? 1),
    ]),
  )
  return tableText([[...(groups === null ? [] : ['group']), 'column', 'kind', 'center', 'scale'], ...rows])
}
