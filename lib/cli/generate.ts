import { torchError } from '../errors.ts'
import { generateStream, loadModel } from '../models/index.ts'
import { isTextMetadata } from './metadata.ts'
import type { Output } from './output.ts'

export interface GenerateCommandOptions {
  steps?: number
  temperature?: number
  topK?: number
  topP?: number
  seed?: number
  stop?: string
}

/** Writes a prompt and what a model goes on with, part by part as it is drawn. */
export async function generate(
  path: string,
  prompt: string,
  { steps = 200, ...options }: GenerateCommandOptions,
  output: Output,
): Promise<void> {
  const model = await loadModel(path)
  if (!isTextMetadata(model.metadata)) {
    throw torchError(
      'ERR_TORCH_FORMAT',
      `${path} is not the model of a text that 'libtorch-rnn train --task text' made`,
    )
  }
  const { temperature, topK, topP, stop } = options
  // Nothing is drawn with temperature 0.
  const seed = options.seed ?? (temperature === 0 ? undefined : 0)
  const parts = generateStream(model, prompt, {
    steps,
    ...(seed === undefined ? {} : { seed }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(stop === undefined ? {} : { stop }),
  })
  let text = ''
  if (!output.json) process.stdout.write(prompt)
  for await (const part of parts) {
    text += part
    if (!output.json) process.stdout.write(part)
  }
  if (output.json) output.result({ model: path, prompt, text }, () => '')
  else process.stdout.write('\n')
}
