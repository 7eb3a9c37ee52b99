import { TextDataset, Vocabulary } from '../../data/index.ts'
import { torchError } from '../../errors.ts'
import type { MetricName } from '../../metrics/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { torch } from '../../torch.ts'
import { toJSON } from '../metadata.ts'
import { modelOf } from '../network.ts'
import { UsageError } from '../problem.ts'
import type { Settings } from '../settings.ts'
import { readText } from '../source.ts'
import { trainingOptions } from '../training.ts'
import type { Job } from './job.ts'

/** The token for what is not in a vocabulary. */
const UNKNOWN = '<unk>'

/** A model that goes on with the text of a file. */
export async function textJob(data: string, settings: Settings): Promise<Job> {
  const { seed, embeddingSize, level, lowercase, minCount, maxSize, metrics } = settings
  const text = await readText(data)
  const vocabulary = Vocabulary.fromText(text, {
    level,
    lowercase,
    minCount,
    unknown: UNKNOWN,
    ...(maxSize === undefined ? {} : { maxSize }),
  })
  const tokens = vocabulary.encode(text)
  const parts = split(tokens, settings, data)
  torch.manualSeed(seed)
  const model = modelOf(settings, {
    inputSize: embeddingSize,
    outputSize: vocabulary.size,
    embedding: vocabulary.size,
    output: 'sequence',
    tieWeights: settings.tieWeights,
  })
  model.vocabulary = vocabulary
  const { shuffle: _, dtype: __, ...options } = trainingOptions(settings, metrics as readonly MetricName[])
  const { batchSize, sequenceLength } = settings
  return {
    model,
    ...parts,
    options: { ...options, loss: 'crossEntropy', carryState: true },
    size: `${tokens.size(0)} tokens, ${vocabulary.size} different ones; ${parts.train.length} batches in an epoch`,
    compare: async () => ({}),
    save: (path, training) =>
      model.save(path, { metadata: toJSON({ task: 'text', batchSize, sequenceLength, metrics, training }) }),
  }
}

interface TextParts {
  readonly train: TextDataset
  readonly validation: TextDataset | undefined
  readonly test: TextDataset | undefined
}

/** The parts of a text, one behind the other. */
function split(tokens: Tensor, { validation, test, batchSize, sequenceLength }: Settings, data: string): TextParts {
  const length = tokens.size(0)
  const sizeOf = (name: string, share: string | number): number => {
    if (share === 'none') return 0
    if (typeof share === 'number') return Math.round(share * length)
    throw new UsageError(`--${name} of a text is a share such as 0.1, or none, not ${share}`)
  }
  const [validated, tested] = [sizeOf('validation', validation), sizeOf('test', test)]
  const part = (name: string, start: number, size: number): TextDataset => {
    if (size > batchSize) return new TextDataset(tokens.narrow(0, start, size), { batchSize, sequenceLength })
    const rows = `${batchSize} rows (--batch-size)`
    throw torchError('ERR_TORCH_VALUE', `${data}: the ${name} part has ${size} tokens, too few for ${rows}`)
  }
  const trained = length - validated - tested
  return {
    train: part('training', 0, trained),
    validation: validated === 0 ? undefined : part('validation', trained, validated),
    test: tested === 0 ? undefined : part('test', trained + validated, tested),
  }
}
