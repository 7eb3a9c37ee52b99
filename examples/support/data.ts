import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')

/** The path of a file of the package vega-datasets. */
export function dataFile(name: string): string {
  return join(FOLDER, name)
}
