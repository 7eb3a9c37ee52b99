import { RecurrentModel } from '../models/model.ts'
import type { Module } from '../nn/module.ts'

/**
 * Whether a model's outputs have the samples first, whatever its `batchFirst`: one output for each sequence has no steps
 * of the input, and those that it forecasts, (N, horizon, O), are a part of it.
 */
export function hasSamplesFirst(model: Module): boolean {
  return model instanceof RecurrentModel && model.output !== 'sequence'
}
