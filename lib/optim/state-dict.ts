import { requireDict, unknownOption } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { camelCase } from '../ops/schema.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** What an optimizer can load. */
interface Wanted<Settings> {
  /** Its name, for error messages. */
  optimizer: string
  groups: readonly (Settings & { params: readonly Tensor[] })[]
  settings: readonly string[]
  fields: readonly string[]
  /** The fields that are single numbers. */
  singles: readonly string[]
  keeps(field: string, settings: Settings): boolean
  /** Throws for invalid settings. */
  check(settings: Settings): void
}

interface Loaded<Settings> {
  /** The settings of each group. */
  settings: Partial<Settings>[]
  state: [Tensor, Record<string, Tensor | number>][]
}

/** Options that tell PyTorch how to compute a step; they do not change its result. */
const IMPLEMENTATION = ['foreach', 'capturable', 'differentiable', 'fused']
/** Keys of a group besides its settings. */
const EXTRAS = ['paramNames', 'initialLr', 'maxLr', 'minLr', 'swaLr', 'maxMomentum', 'baseMomentum']

type Dict = Record<string, unknown>

/**
 * Reads an optimizer's state dict, with names as here or as in Python; anything that does not fit is rejected by name.
 */
export function readStateDict<Settings extends object>(stateDict: unknown, wanted: Wanted<Settings>): Loaded<Settings> {
  const name = `${wanted.optimizer}.loadStateDict`
  const { state, paramGroups, ...rest } = translated(requireDict(name, 'the state dict', stateDict), name)
  for (const key of Object.keys(rest)) {
    throw torchError('ERR_TORCH_OPTION', `${name}: ${unknownOption(key, ['state', 'paramGroups'])}`)
  }
  if (!Array.isArray(paramGroups)) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `${name}: expected the state dict of an optimizer, with paramGroups; got ${describe(stateDict)}`,
    )
  }
  if (paramGroups.length !== wanted.groups.length) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: loaded state dict has a different number of parameter groups (${paramGroups.length}, not ${wanted.groups.length})`,
    )
  }
  const states = requireDict(name, 'state', state)
  const loaded: Loaded<Settings> = { settings: [], state: [] }
  const used = new Set<string>()
  wanted.groups.forEach((group, index) => {
    const { numbers, settings } = readGroup(paramGroups[index], group.params.length, wanted, name)
    const merged = { ...group, ...settings }
    wanted.check(merged)
    loaded.settings.push(settings)
    group.params.forEach((param, i) => {
      const number = String(numbers[i])
      used.add(number)
      if (!Object.hasOwn(states, number)) return
      const own = readState(states[number], { param, number, settings: merged }, wanted, name)
      if (Object.keys(own).length > 0) loaded.state.push([param, own])
    })
  })
  const stray = Object.keys(states).find((number) => !used.has(number))
  if (stray !== undefined) {
    throw torchError('ERR_TORCH_VALUE', `${name}: there is state for parameter ${stray}, which is in no group`)
  }
  return loaded
}

/** Names as they are spelled here. */
export function translated(dict: Dict, name: string, spelled: (key: string) => string = camelCase): Dict {
  const result: Dict = {}
  for (const [key, value] of Object.entries(dict)) {
    const own = spelled(key)
    if (own in result)
      throw torchError('ERR_TORCH_VALUE', `${name}: '${own}' is given twice, in camelCase and in snake_case`)
    result[own] = value
  }
  return result
}

function readGroup<Settings extends object>(
  saved: unknown,
  count: number,
  { settings, optimizer }: Wanted<Settings>,
  name: string,
): { numbers: unknown[]; settings: Partial<Settings> } {
  const { params, ...rest } = translated(requireDict(name, 'a parameter group', saved), name)
  if (!Array.isArray(params) || params.length !== count) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: loaded state dict contains a parameter group that doesn't match the size of optimizer's group`,
    )
  }
  const result: Dict = {}
  for (const [key, value] of Object.entries(rest)) {
    if (IMPLEMENTATION.includes(key)) continue
    if (key === 'decoupledWeightDecay' && !settings.includes(key)) {
      if (value === (optimizer === 'AdamW')) continue
      throw torchError('ERR_TORCH_VALUE', `${name}: this is the state dict of ${value === true ? 'AdamW' : 'Adam'}`)
    }
    if (!settings.includes(key) && !EXTRAS.includes(key)) {
      throw torchError('ERR_TORCH_OPTION', `${name}: a parameter group has the ${unknownOption(key, settings)}`)
    }
    // A tensor, if Python captures its steps.
    result[key] = isTensor(value) ? value.item() : Array.isArray(value) ? [...value] : value
  }
  return { numbers: params, settings: result as Partial<Settings> }
}

function readState<Settings extends object>(
  saved: unknown,
  { param, number, settings }: { param: Tensor; number: string; settings: Settings },
  { fields, singles, keeps, optimizer }: Wanted<Settings>,
  name: string,
): Record<string, Tensor | number> {
  const where = `${name}: the state of parameter ${number}`
  const state: Record<string, Tensor | number> = {}
  for (const [key, value] of Object.entries(
    translated(requireDict(name, `the state of parameter ${number}`, saved), name),
  )) {
    // PyTorch's None: no tensor yet.
    if (value === null) continue
    if (!fields.includes(key)) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${where} has '${key}', which ${optimizer} does not keep; it keeps ${fields.join(', ')}`,
      )
    }
    state[key] = readTensor(key, value, singles.includes(key) ? undefined : param, where)
  }
  const missing = fields.find((field) => keeps(field, settings) && !Object.hasOwn(state, field))
  // PyTorch's SGD counts no steps.
  const partial = missing === 'step' ? !('momentumBuffer' in state) : missing !== undefined
  if (partial && Object.keys(state).length > 0) {
    throw torchError('ERR_TORCH_VALUE', `${where} lacks '${missing}'`)
  }
  return state
}

function readTensor(key: string, value: unknown, param: Tensor | undefined, where: string): Tensor | number {
  // A single number of an older PyTorch.
  if (param === undefined && typeof value === 'number') return value
  if (!isTensor(value)) {
    throw torchError('ERR_TORCH_TYPE', `${where} must consist of Tensors, but '${key}' is ${describe(value)}`)
  }
  const fits = param === undefined ? value.numel === 1 : value.shape.join() === param.shape.join()
  if (fits) return value
  const wanted = param === undefined ? 'a single number' : `of the parameter's shape [${param.shape.join(', ')}]`
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${where} has '${key}' of shape [${value.shape.join(', ')}]: it must be ${wanted}`,
  )
}
