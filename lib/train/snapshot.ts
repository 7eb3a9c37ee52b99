import type { GradScaler } from '../amp/index.ts'
import type { Metric } from '../metrics/metric.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import type { Generator } from '../tensor/generator.ts'
import { keep, type Tensor } from '../tensor/tensor.ts'

/** All that training changes. */
export interface Changing {
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer<{ lr: number }>
  readonly scaler: GradScaler | undefined
  readonly generators: readonly (Generator | undefined)[]
  readonly metrics: readonly Metric<unknown>[]
}

/** Copies, on the CPU, of all that training changes: values, gradients, states and modes. */
export class Snapshot {
  readonly #changing: Changing
  readonly #values: readonly { tensor: Tensor; value: Tensor; gradient: Tensor | null }[]
  readonly #modes: readonly { module: Module; training: boolean }[]
  readonly #optimizer: ReturnType<Optimizer<{ lr: number }>['stateDict']>
  readonly #scaler: ReturnType<GradScaler['stateDict']> | undefined
  readonly #generators: readonly { generator: Generator; state: Tensor }[]
  readonly #metrics: readonly { metric: Metric<unknown>; state: Record<string, Tensor> }[]

  constructor(changing: Changing) {
    this.#changing = changing
    const { modules, optimizer, scaler, generators, metrics } = changing
    const tensors = new Set(modules.flatMap((module) => [...module.parameters(), ...module.buffers()]))
    for (const { params } of optimizer.paramGroups) for (const param of params) tensors.add(param)
    this.#values = [...tensors].map((tensor) => ({ tensor, value: copied(tensor), gradient: kept(tensor.grad) }))
    this.#modes = modules.flatMap((module) =>
      [...module.modules()].map((one) => ({ module: one, training: one.training })),
    )
    const { state, paramGroups } = optimizer.stateDict()
    this.#optimizer = {
      paramGroups,
      state: Object.fromEntries(Object.entries(state).map(([number, own]) => [number, allCopied(own)])),
    }
    this.#scaler = scaler?.stateDict()
    this.#generators = [...new Set(generators)].flatMap((generator) =>
      generator === undefined ? [] : [{ generator, state: keep(generator.getState()) }],
    )
    this.#metrics = metrics.map((metric) => {
      const state = metric.stateDict()
      for (const tensor of Object.values(state)) keep(tensor)
      return { metric, state }
    })
  }

  /** Gives everything its value of then. Nothing that changes it may be queued. */
  restore(): void {
    noGrad(() => {
      for (const { tensor, value, gradient } of this.#values) {
        tidy(() => tensor.copy_(value))
        // A step drops the gradients before it computes its own.
        tensor.grad = gradient
      }
    })
    for (const { module, training } of this.#modes) module.training = training
    this.#changing.optimizer.loadStateDict(this.#optimizer)
    if (this.#scaler !== undefined) this.#changing.scaler?.loadStateDict(this.#scaler)
    for (const { generator, state } of this.#generators) generator.setState(state)
    for (const { metric, state } of this.#metrics) metric.loadStateDict(state)
  }

  dispose(): void {
    for (const { value } of this.#values) value.dispose()
    for (const own of Object.values(this.#optimizer.state)) disposeAll(own)
    for (const { state } of this.#generators) state.dispose()
    for (const { state } of this.#metrics) disposeAll(state)
  }
}

function copied(tensor: Tensor): Tensor {
  return noGrad(() => keep(tensor.detach().to({ device: 'cpu', copy: true })))
}

function allCopied(tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return tidy(() => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, copied(tensor)])))
}

function kept(tensor: Tensor | null): Tensor | null {
  return tensor === null ? null : keep(tensor)
}

function disposeAll(tensors: Readonly<Record<string, Tensor>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose()
}
