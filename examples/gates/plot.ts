import type { TopLevelSpec } from 'vega-lite'
import { COLORS, render } from '../support/chart.ts'
import { meansOf, SHOWN, type Story } from './task.ts'

const NAMES: Record<string, string> = {
  i: 'Input gate i: how much is let in',
  f: 'Forget gate f: how much is kept',
  o: 'Output gate o: how much is shown',
  c: 'Cell c: what is kept',
  z: 'Update gate z: how much is kept',
  r: 'Reset gate r: how much of the past a new value sees',
  h: 'State h: what is kept',
}

const WIDTH = 780

/** The units of a network, ordered by how strongly their forget or update gate responds to a mark. */
function order({ model, gates, marks }: Story): number[] {
  const rows = gates[model === 'LSTM' ? 'f' : 'z'] as number[][]
  const answer = rows.map((row) => {
    const { marked, others } = meansOf([row], marks)
    return others - marked
  })
  return rows.map((_, unit) => unit).sort((a, b) => (answer[b] as number) - (answer[a] as number))
}

function heatmap(story: Story, gate: string, units: readonly number[]): object {
  const rows = story.gates[gate] as number[][]
  const isState = gate === 'c' || gate === 'h'
  const values = units.flatMap((unit, place) =>
    (rows[unit] as number[]).map((value, step) => ({ step: step + 1, unit: place + 1, value })),
  )
  const limit = isState ? Math.max(...values.map(({ value }) => Math.abs(value))) : 1
  return {
    title: { text: NAMES[gate] as string, frame: 'group', fontSize: 12.5, offset: 6 },
    width: WIDTH,
    height: units.length * 11,
    data: { values },
    mark: 'rect',
    encoding: {
      x: { field: 'step', type: 'ordinal', axis: null },
      y: { field: 'unit', type: 'ordinal', axis: null },
      color: {
        field: 'value',
        type: 'quantitative',
        title: null,
        scale: isState ? { scheme: 'purpleorange', domain: [-limit, limit] } : { scheme: 'viridis', domain: [0, 1] },
        legend: { gradientLength: units.length * 11, tickCount: 2, format: '.1~f' },
      },
    },
  }
}

/** Plots the network's input and output, with its gates below, aligned by step. */
export function plotGates(story: Story): Promise<string> {
  const { model, numbers, marks, targets, answers } = story
  const points = numbers.map((number, t) => ({
    step: t + 1,
    number,
    marked: marks[t] === 1,
    target: targets[t],
    answer: answers[t],
  }))
  const x = { field: 'step', type: 'ordinal', axis: null } as const
  const y = (field: string): object => ({
    y: { field, type: 'quantitative', title: null, scale: { domain: [-1.1, 1.1] }, axis: { values: [-1, 0, 1] } },
  })
  const line = {
    width: WIDTH,
    height: 110,
    title: {
      text: 'Gray: the numbers. Black: the marked ones. Line: the answer',
      frame: 'group',
      fontSize: 12.5,
      offset: 6,
    },
    data: { values: points },
    layer: [
      { transform: [{ filter: 'datum.marked' }], mark: { type: 'rule', color: '#ddd' }, encoding: { x } },
      { mark: { type: 'point', filled: true, size: 22, color: '#c4c4c4' }, encoding: { x, ...y('number') } },
      {
        mark: { type: 'line', color: COLORS[model], strokeWidth: 2.2, interpolate: 'step' },
        encoding: { x, ...y('answer') },
      },
      {
        transform: [{ filter: 'datum.marked' }],
        mark: { type: 'point', filled: true, size: 60, color: '#222', opacity: 1 },
        encoding: { x, ...y('number') },
      },
    ],
  }
  const units = order(story)
  return render({
    title: {
      text: `What the gates of ${model === 'LSTM' ? 'an LSTM' : 'a GRU'} have learned`,
      subtitle: [
        'The task: at every step, give the number that was marked last. One row per unit, one column per step.',
        model === 'LSTM'
          ? 'At a mark the forget gates close on the old value. Between marks it stays: partly in the cell, partly going round by h.'
          : 'At a mark the update gates let go of the old state, and the reset gates hide it from the new one. Between marks it stays.',
      ],
    },
    spacing: 16,
    resolve: { scale: { color: 'independent' } },
    vconcat: [line, ...SHOWN[model].map((gate) => heatmap(story, gate, units))],
  } as TopLevelSpec)
}
