import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { dataFile } from '../support/data.ts'

/** A series to forecast, one value per step. */
export interface Series {
  id: 'co2' | 'seattle'
  title: string
  /** The quantity, with its unit. */
  quantity: string
  unit: string
  step: string
  /** The file of the package vega-datasets, and whose data they are. */
  file: string
  source: string
  dates: Date[]
  values: number[]
  /** The inputs of a network at each step: nothing later than the step. NaN until all of them are known. */
  inputs: number[][]
  /** What these inputs are. */
  inputNames: string[]
  /** Steps per year. */
  season: number
  /** The number of steps to forecast. */
  horizon: number
  /** Steps of context that the networks see. */
  context: number
  /** Whether the values leave the range of the past. */
  trend: boolean
  /** The first steps of validation and of the held-out part. */
  validationStart: Date
  testStart: Date
}

const CO2 = 'co2-concentration.csv'
const SEATTLE = 'seattle-weather.csv'

function read(file: string): Record<string, string>[] {
  return parse(readFileSync(dataFile(file)), { columns: true, skip_empty_lines: true }) as Record<string, string>[]
}

/** The time of the year, as a point on a circle. */
function phaseOf(date: Date): [number, number] {
  const start = Date.UTC(date.getUTCFullYear(), 0)
  const angle = (2 * Math.PI * (date.getTime() - start)) / (Date.UTC(date.getUTCFullYear() + 1, 0) - start)
  return [Math.sin(angle), Math.cos(angle)]
}

/** Monthly means of CO2 at Mauna Loa. Five months without data, before 1965, are interpolated. */
export function co2(): Series {
  const measured = new Map(read(CO2).map((row) => [(row.Date as string).slice(0, 7), Number(row.CO2)]))
  const months = [...measured.keys()]
  const [first, last] = [new Date(`${months[0]}-01`), new Date(`${months.at(-1)}-01`)]
  const dates: Date[] = []
  for (let date = first; date <= last; date = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)))
    dates.push(date)
  const values = interpolate(dates.map((date) => measured.get(date.toISOString().slice(0, 7))))
  const growth = values.map((value, t) => value - (values[t - 12] ?? Number.NaN))
  return {
    id: 'co2',
    title: 'CO₂ at Mauna Loa',
    quantity: 'CO₂ (ppm)',
    unit: 'ppm',
    step: 'month',
    file: CO2,
    source: 'Scripps Institution of Oceanography',
    inputNames: ['the change of the yearly growth over a month, a year and two years', 'the time of the year'],
    dates,
    values,
    // The change of the yearly growth over the last month, the last year and the last two years.
    inputs: dates.map((date, t) => [
      ...[1, 12, 24].map((back) => (growth[t] as number) - (growth[t - back] ?? Number.NaN)),
      ...phaseOf(date),
    ]),
    season: 12,
    horizon: 12,
    context: 36,
    trend: true,
    validationStart: new Date('2000-01-01'),
    testStart: new Date('2008-01-01'),
  }
}

function interpolate(values: (number | undefined)[]): number[] {
  return values.map((value, i) => {
    if (value !== undefined) return value
    const before = values.findLastIndex((other, j) => j < i && other !== undefined)
    const after = values.findIndex((other, j) => j > i && other !== undefined)
    const part = (i - before) / (after - before)
    return (values[before] as number) * (1 - part) + (values[after] as number) * part
  })
}

/** The daily maximum temperature in Seattle, with other weather data of the day. */
export function seattle(): Series {
  const rows = read(SEATTLE)
  const dates = rows.map((row) => new Date(row.date as string))
  return {
    id: 'seattle',
    title: 'Highest temperature of the day in Seattle',
    quantity: 'Temperature (°C)',
    unit: '°C',
    step: 'day',
    file: SEATTLE,
    source: 'NOAA',
    inputNames: ['the highest and the lowest temperature', 'precipitation', 'wind', 'the time of the year'],
    dates,
    values: rows.map((row) => Number(row.temp_max)),
    inputs: rows.map((row, t) => [
      Number(row.temp_max),
      Number(row.temp_min),
      Math.log1p(Number(row.precipitation)),
      Number(row.wind),
      ...phaseOf(dates[t] as Date),
    ]),
    season: 365,
    horizon: 7,
    context: 21,
    trend: false,
    validationStart: new Date('2014-01-01'),
    testStart: new Date('2015-01-01'),
  }
}
