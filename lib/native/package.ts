import { fileURLToPath } from 'node:url'

/** The root folder of this package: the same from `lib` and from `dist`. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
