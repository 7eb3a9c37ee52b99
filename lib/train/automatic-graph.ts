import { maxMemoryAllocated, memGetInfo, memoryReserved } from '../cuda/index.ts'
import { keeps } from '../inheritance.ts'
import * as metricClasses from '../metrics/list.ts'
import type { Metric } from '../metrics/metric.ts'
import { RegressionMetric } from '../metrics/regression.ts'
import { RecurrentModel } from '../models/model.ts'
import { partsOf } from '../models/parts.ts'
import { Embedding, GRU, Linear, LSTM, type Module, RNN } from '../nn/index.ts'
import { isParametrized } from '../nn/utils/parametrize.ts'
import { Adagrad, Adam, AdamW, type Optimizer, SGD } from '../optim/index.ts'
import type { Device } from '../tensor/tensor.ts'
import { isOwn } from './direct.ts'
import type { GraphGuard } from './graph.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { hasUnits, type Windows } from './units.ts'

/** The optimizers whose step reads no value. */
const OPTIMIZERS = [SGD, Adam, AdamW, Adagrad]

/** The part of a device's memory that graphs that nobody asked for leave to everything else. */
const LEFT = 0.5

export interface AutomaticOptions {
  readonly model: Module
  readonly optimizer: Optimizer
  readonly options: ResolvedOptions
  readonly device: Device
  /** The windows that the data are, if they are. */
  readonly windows: Windows | undefined
}

/**
 * What `cudaGraph: 'auto'` has to say: a sentence why steps are not captured, or else a guard over the graphs. The code
 * of a captured step runs only once, and a graph keeps the memory of its step, so without being asked to, only steps
 * that consist of this library's code are captured, and only where there is plenty of memory.
 */
export function automatic({ model, optimizer, options, device, windows }: AutomaticOptions): string | GraphGuard {
  const { loss, metrics, metricUnits, movingAverage, accumulateGradBatches, auxiliaryLosses, carryState } = options
  const foreign = (what: string): string => `${what} may run other code in each step, but a graph repeats that of one`
  const forwards = forwardsOf(model)
  if (forwards === undefined) return foreign(`the model ${model.constructor.name}`)
  if (!isOwn(loss)) return foreign('the loss')
  if (!OPTIMIZERS.some((Class) => keeps(optimizer, Class)))
    return foreign(`the optimizer ${optimizer.constructor.name}`)
  const metric = metrics.find((one) => !isPlain(one))
  if (metric !== undefined) return foreign(`the metric '${metric.name}'`)
  if (windows !== undefined && metricUnits === 'data' && metrics.some(hasUnits)) {
    return 'metrics are in the units of the data, whose scales are those of each batch'
  }
  if (accumulateGradBatches > 1) return 'accumulateGradBatches makes one update of several steps'
  if (carryState) return 'carryState makes a step depend on the one before'
  if (movingAverage !== undefined) return 'movingAverage is captured only with cudaGraph: true'
  if (auxiliaryLosses.length > 0) return foreign('auxiliaryLosses')
  return {
    step: () => {
      const now = forwardsOf(model, forwards)
      return now === undefined ? foreign(`the model ${model.constructor.name}, which has changed,`) : undefined
    },
    capture: () => (device === 'cpu' ? undefined : whyNotKept(memoryOf(device))),
  }
}

/** Bytes of a device's memory. */
export interface DeviceMemory {
  readonly total: number
  /** What the allocator holds, graphs included. */
  readonly reserved: number
  /** The most that tensors have taken so far: a graph takes no more. */
  readonly peak: number
}

/** Why there is no memory to keep for a graph, if so. */
export function whyNotKept({ total, reserved, peak }: DeviceMemory): string | undefined {
  if (reserved + peak <= total * (1 - LEFT)) return undefined
  return 'a graph keeps the memory of its step, and less than half of the memory of the device would be left'
}

function memoryOf(device: Exclude<Device, 'cpu'>): DeviceMemory {
  const { total } = memGetInfo(device)
  return { total, reserved: memoryReserved(device), peak: maxMemoryAllocated(device) }
}

/** What a step calls of a model that is made of this library's code only; with `before`, only if it is the same. */
function forwardsOf(model: Module, before?: readonly unknown[]): unknown[] | undefined {
  if (!(model instanceof RecurrentModel)) return undefined
  const { embedding, network, linear } = model
  const modules = [model, network, linear, ...(embedding === null ? [] : [embedding])]
  const forwards = modules.flatMap((module) => [module, Object.getPrototypeOf(module), module.forward])
  if (before !== undefined) {
    return forwards.length === before.length && forwards.every((one, i) => one === before[i]) ? forwards : undefined
  }
  if (partsOf(model) === undefined || !keeps(linear, Linear) || modules.some((one) => isParametrized(one)))
    return undefined
  if (embedding !== null && !keeps(embedding, Embedding)) return undefined
  return [LSTM, GRU, RNN].some((Class) => keeps(network, Class)) ? forwards : undefined
}

function isPlain(metric: Metric<unknown>): boolean {
  if (metric instanceof RegressionMetric && metric.inverse !== undefined) return false
  return Object.values(metricClasses).some((Class) => keeps(metric, Class))
}
