import { readFileSync } from 'node:fs'

/** A file in test/fixtures, which a script in scripts/fixtures has made with PyTorch. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')) as T
}
