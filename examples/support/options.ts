import { InvalidArgumentError, Option } from 'commander'
import { type Device, torch } from 'libtorch-rnn'

/** Parses a positive integer from the command line. */
export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return value
}

/** The option `--device`: where networks are trained. */
export function deviceOption(): Option {
  return new Option('--device <name>', 'where to compute: cpu, cuda, or a device such as cuda:1')
    .default('cpu')
    .argParser(device)
}

function device(text: string): Device {
  try {
    const found = torch.device(text)
    const why = found === 'cpu' ? null : torch.cuda.why()
    if (why === null) return found
    throw new Error(why)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
