import { type TorchError, torchError } from '../errors.ts'

/** The error of a sequence with NaN or infinity at `index`. */
export function notFinite(index: number, inputSize: number): TorchError {
  return torchError(
    'ERR_TORCH_NON_FINITE',
    `predict: feature ${index % inputSize} of step ${Math.floor(index / inputSize)} is NaN or infinite: fill in or leave out missing values, or serve with { rejectNonFinite: false }`,
    { op: 'predict' },
  )
}

/** The error of a sequence with a number that is no token at `step`. */
export function noToken(step: number, numEmbeddings: number): TorchError {
  return torchError(
    'ERR_TORCH_INDEX',
    `predict: there are ${numEmbeddings} tokens, from 0 to ${numEmbeddings - 1}; step ${step} has another one`,
    { op: 'predict' },
  )
}
