import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/index.ts'
import { COMPARISON } from './comparison.ts'
import { isClassMetadata, isForecastMetadata, isTextMetadata } from './metadata.ts'
import { loadTrained } from './networks/load.ts'
import type { Output } from './output.ts'
import { FILES } from './plan.ts'
import { UsageError } from './problem.ts'
import { classReport } from './report/class-report.ts'
import { comparisonReport, readComparison } from './report/comparison/report.ts'
import { forecastReport } from './report/forecast-report.ts'
import { forecastRun } from './report/forecast-run.ts'
import { type Page, pageOf, type Report } from './report/page.ts'
import { readRun } from './report/run-folder.ts'
import { textReport } from './report/text-report.ts'
import { loadVega } from './report/vega.ts'

export interface ReportOptions {
  /** The page; default: report.html in the folder. */
  out?: string
  /** Whether the charts are written as SVG, too, into a folder beside the page. */
  svg?: boolean
}

/** Writes the report of a run, or of a comparison. */
export async function report(
  folder: string,
  data: string | undefined,
  { out = join(folder, 'report.html'), svg = true }: ReportOptions,
  output: Output,
): Promise<void> {
  const vegas = loadVega()
  const page = await pageOf(await reportOf(folder, data, output), vegas)
  const pictures = svg ? out.replace(/\.html?$/i, '') : null
  await write(page, out, pictures)
  const result = { report: out, pictures, charts: [...page.pictures.keys()] }
  output.result(result, () =>
    [
      `Wrote ${out}`,
      ...(pictures === null ? [] : [`and its ${page.pictures.size} charts as SVG into ${pictures}`]),
    ].join(' '),
  )
}

async function reportOf(folder: string, data: string | undefined, output: Output): Promise<Report> {
  if (existsSync(join(folder, COMPARISON))) {
    if (data !== undefined) throw new UsageError('a comparison has its data: name its folder alone')
    return comparisonReport(readComparison(folder))
  }
  const run = readRun(folder)
  const path = join(folder, FILES.model)
  const model = await loadTrained(path)
  const own = data ?? run.config.data
  if (own === undefined) throw new UsageError(`name the file with the data after ${folder}`)
  if (isForecastMetadata(model.metadata)) {
    return await forecastReport(await forecastRun(run, { data: own, model, path, output }))
  }
  if (data !== undefined) throw new UsageError('the report of such a run reads no data: name its folder alone')
  if (isTextMetadata(model.metadata) && model instanceof RecurrentModel) return await textReport(run, model, own)
  if (isClassMetadata(model.metadata)) return classReport(run, own)
  throw torchError('ERR_TORCH_FORMAT', `${path} is not a model that 'libtorch-rnn train' made`)
}

/** @throws {TorchError} if the files cannot be written. */
async function write({ html, pictures }: Page, out: string, folder: string | null): Promise<void> {
  try {
    await mkdir(dirname(out), { recursive: true })
    await writeFile(`${out}.new`, html)
    await rename(`${out}.new`, out)
    if (folder === null) return
    await mkdir(folder, { recursive: true })
    for (const [name, svg] of pictures) await writeFile(join(folder, `${name}.svg`), svg)
  } catch (cause) {
    throw torchError('ERR_TORCH_FILE', `${out} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
