import { SingleBar } from 'cli-progress'
import type { ComparedRun } from '../comparison.ts'
import { numberText, type Output } from '../output.ts'

/** Tells how far a comparison is: a bar on a terminal, and with `--verbose` a line for each training. */
export class Progress {
  readonly #output: Output
  readonly #bar: SingleBar | undefined
  readonly #total: number
  #done = 0
  #title = ''

  constructor(output: Output, total: number) {
    this.#output = output
    this.#total = total
    if (output.quiet || output.verbose || !process.stderr.isTTY) return
    this.#bar = new SingleBar({
      stream: process.stderr,
      format: '{bar} {value}/{total}  {title}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
    })
    this.#bar.start(total, 0, { title: '' })
  }

  begin(title: string): void {
    this.#title = title
    this.#bar?.update(this.#done, { title })
  }

  end({ validationLoss, hasDiverged, seconds }: Pick<ComparedRun, 'validationLoss' | 'hasDiverged' | 'seconds'>): void {
    this.#done++
    this.#bar?.update(this.#done)
    const loss = hasDiverged ? 'diverged' : `validation loss ${numberText(validationLoss ?? Number.NaN)}`
    this.#output.detail(`${this.#done}/${this.#total}  ${this.#title}: ${loss}, ${seconds.toFixed(1)} s`)
  }

  close(): void {
    this.#bar?.stop()
  }
}
