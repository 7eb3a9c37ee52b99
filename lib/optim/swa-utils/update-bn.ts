import { checkOptions, invalid, requireNone } from '../../check.ts'
import { BatchNorm } from '../../nn/batch-norm.ts'
import { Module } from '../../nn/module.ts'
import { PackedSequence } from '../../nn/utils/rnn.ts'
import { noGrad, offload, tidy } from '../../tensor/context.ts'
import { requireDevice } from '../../tensor/device.ts'
import { type Device, isTensor, type Tensor } from '../../tensor/tensor.ts'

/** An input of a model, or an array that begins with one. */
export type BnBatch = Tensor | PackedSequence | readonly [input: Tensor | PackedSequence, ...rest: unknown[]]

export interface UpdateBnOptions {
  /** The device to move the inputs to. Default: they stay where they are. */
  device?: Device
}

/** The batch norms of a model while their statistics are computed anew. */
interface Pass {
  add(batch: BnBatch): void
  /** Sets momenta and modes back. */
  end(): void
}

function begin(name: string, model: Module, options: UpdateBnOptions): Pass | undefined {
  checkOptions(name, options, ['device'])
  const { device } = options
  if (device !== undefined) requireDevice(name, device)
  if (!(model instanceof Module)) throw invalid(name, 'model', 'a Module', model)
  const modules = [...model.modules()]
  const norms: (BatchNorm & { momentum: number | null })[] = modules.filter((module) => module instanceof BatchNorm)
  if (norms.length === 0) return undefined
  const momenta = norms.map(({ momentum }) => momentum)
  const modes = modules.map(({ training }) => training)
  model.train()
  for (const norm of norms) {
    norm.resetRunningStats()
    // The mean over all batches.
    norm.momentum = null
  }
  return {
    add: (batch) => {
      const input = inputOf(name, batch)
      noGrad(() =>
        tidy(() => {
          const there = device === undefined ? input : (input as Tensor).to(device)
          model.forward(...([there] as never[]))
        }),
      )
    },
    end: () => {
      for (const [index, norm] of norms.entries()) norm.momentum = momenta[index] as number | null
      for (const [index, module] of modules.entries()) module.training = modes[index] as boolean
    },
  }
}

function inputOf(name: string, batch: unknown): Tensor | PackedSequence {
  const input: unknown = Array.isArray(batch) ? batch[0] : batch
  if (isTensor(input) || input instanceof PackedSequence) return input
  throw invalid(name, 'a batch', 'an input, or an array that begins with one', input)
}

/**
 * Computes the statistics of a model's batch norms anew, as means over all batches of one pass: after its weights have
 * been averaged. The model runs off the main thread, in training mode; without batch norm, not at all.
 *
 * @param loader Inputs, or arrays that begin with an input, such as the batches of a `DataLoader`.
 * @example await optim.swaUtils.updateBn(loader, averaged)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.update_bn.html
 */
export async function updateBn(
  loader: Iterable<BnBatch> | AsyncIterable<BnBatch>,
  model: Module,
  options: UpdateBnOptions = {},
  ...none: undefined[]
): Promise<void> {
  requireNone('updateBn', none)
  requireIterable('updateBn', loader)
  const pass = begin('updateBn', model, options)
  if (pass === undefined) return
  try {
    for await (const batch of loader) await offload(() => pass.add(batch))
  } finally {
    pass.end()
  }
}

/** {@link updateBn} on the calling thread, of batches that need not be waited for. */
export function updateBnSync(
  loader: Iterable<BnBatch>,
  model: Module,
  options: UpdateBnOptions = {},
  ...none: undefined[]
): void {
  requireNone('updateBnSync', none)
  requireIterable('updateBnSync', loader)
  if (!(Symbol.iterator in loader)) throw invalid('updateBnSync', 'loader', 'an iterable that is not async', loader)
  const pass = begin('updateBnSync', model, options)
  if (pass === undefined) return
  try {
    tidy(() => {
      for (const batch of loader) pass.add(batch)
    })
  } finally {
    pass.end()
  }
}

/** A tensor is iterable, too, but its rows are not meant here. */
function requireIterable(name: string, loader: unknown): void {
  const given = Object(loader) as object
  if (!isTensor(loader) && typeof loader === 'object' && (Symbol.iterator in given || Symbol.asyncIterator in given))
    return
  throw invalid(name, 'loader', 'an iterable of batches', loader)
}
