import { VERSION } from '../version.ts'
import { type Html, html } from './html.ts'

/** By what, and when, a report was made. */
export const footOf = (trained: string | undefined): Html =>
  html`<p>Made by libtorch-rnn ${VERSION} on ${new Date().toISOString().slice(0, 10)}${trained !== undefined && trained !== VERSION && `, from what version ${trained} has trained`}. Times are in UTC.</p>`
