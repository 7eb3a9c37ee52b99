import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Reads a file in test/fixtures, made with PyTorch by a script in scripts/fixtures. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')) as T
}

/** The path of a file in test/fixtures/formats. */
export function formatsPath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/formats/${name}`, import.meta.url))
}
