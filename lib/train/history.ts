/** The result of one epoch: one pass over the training data. */
export interface EpochResult {
  /** Counted from 1. */
  epoch: number
  /** The mean loss over all targets, computed while the weights changed. */
  trainLoss: number
  /** The mean loss on the validation data after the epoch. */
  validationLoss?: number
  /** The learning rate of the first parameter group at the end of the epoch. */
  lr?: number
  seconds: number
  /** The values of the metrics, such as `trainMae` and `validationMae`. */
  [metric: string]: number | undefined
}

/** The results of a `fit`, epoch by epoch. */
export class History {
  readonly epochs: EpochResult[] = []

  get trainLosses(): number[] {
    return this.epochs.map((epoch) => epoch.trainLoss)
  }

  /** One number per epoch, if validation data was given. */
  get validationLosses(): number[] {
    return this.epochs.flatMap((epoch) => (epoch.validationLoss === undefined ? [] : [epoch.validationLoss]))
  }

  /** The epoch with the lowest validation loss, or training loss if there is none. NaN is never the lowest. */
  get best(): EpochResult | undefined {
    const loss = (epoch: EpochResult): number => epoch.validationLoss ?? epoch.trainLoss
    return this.epochs
      .filter((epoch) => !Number.isNaN(loss(epoch)))
      .reduce<EpochResult | undefined>(
        (best, epoch) => (best === undefined || loss(epoch) < loss(best) ? epoch : best),
        undefined,
      )
  }

  get seconds(): number {
    return this.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)
  }
}
