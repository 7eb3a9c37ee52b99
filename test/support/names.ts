// Compares PyTorch's public names with those of this library. The page docs/missing.md is generated from it.
import * as data from '../../lib/data/index.ts'
import * as lib from '../../lib/index.ts'
import { camelCase } from '../../lib/ops/schema.ts'
import { readFixture } from './fixture.ts'

const { nn, optim, torch } = lib

/** PyTorch's names, by namespace. */
export const NAMES = readFixture<Record<string, string[]>>('names')

/** The counterpart of each PyTorch namespace here, and other places where its names may be. */
const HERE: Record<string, { object: object; also?: Record<string, object> }> = {
  torch: { object: torch, also: { x: torch.Tensor.prototype, 'torch.linalg': torch.linalg } },
  'torch.Tensor': { object: torch.Tensor.prototype, also: { torch } },
  'torch.nn': { object: nn },
  'torch.nn.functional': { object: nn.functional, also: { torch } },
  'torch.nn.init': { object: nn.init },
  'torch.nn.utils': { object: nn.utils, also: { 'nn.utils.parametrizations': nn.utils.parametrizations } },
  'torch.nn.utils.parametrizations': { object: nn.utils.parametrizations },
  'torch.nn.utils.parametrize': { object: nn.utils.parametrize },
  'torch.nn.utils.rnn': { object: nn.utils.rnn },
  'torch.optim': { object: optim },
  'torch.optim.lr_scheduler': { object: optim.lrScheduler },
  'torch.optim.swa_utils': { object: optim.swaUtils },
  'torch.utils.data': { object: data },
  'torch.autograd': { object: torch.autograd, also: { torch } },
  'torch.autograd.functional': { object: torch.autograd.functional },
  'torch.linalg': { object: torch.linalg, also: { torch } },
  'torch.fft': { object: torch.fft },
  'torch.special': { object: torch.special, also: { torch } },
  'torch.distributions': { object: torch.distributions },
  'torch.cuda': { object: torch.cuda },
}

/** Names that have another name here, or another form, such as a string or a type. */
export const OTHERWISE: Record<string, string> = {
  'torch.Size': 'an array of numbers',
  'torch.dtype': 'a string',
  'torch.as_tensor': '`torch.tensor`',
  'torch.asarray': '`torch.tensor`',
  'torch.from_numpy': '`torch.tensor`',
  'torch.frombuffer': '`torch.tensor`',
  'torch.GradScaler': '`torch.amp.GradScaler`',
  'torch.numel': '`x.numel`',
  'torch.set_anomaly_enabled': '`torch.autograd.setDetectAnomaly`',
  'torch.Event': '`torch.cuda.Event`',
  'torch.set_printoptions': '`torch.setPrintOptions`',
  'torch.Tensor.numpy': '`x.toTypedArray()`',
  'torch.Tensor.type': '`x.dtype`, `x.to(dtype)`',
  'torch.Tensor.data': '`x.detach()`',
  'torch.Tensor.nelement': '`x.numel`',
  'torch.nn.RNNBase': '`nn.RecurrentModule`',
  'torch.nn.RNNCellBase': '`nn.RecurrentCell`',
  'torch.utils.data.Dataset': 'a type, `Dataset`, from `libtorch-rnn/data`',
}

/** A PyTorch name as it is spelled here. */
function spelled(name: string): string {
  return /^[A-Z]/.test(name) ? name : camelCase(name)
}

/** Whether an object has a member for PyTorch's `name`. */
const has = (object: object, name: string): boolean => spelled(name) in object

export interface Comparison {
  here: string[]
  /** Names in another namespace: PyTorch's name, and its place here. */
  elsewhere: [name: string, where: string][]
  otherwise: string[]
  missing: string[]
}

export function compare(namespace: string): Comparison {
  const { object, also = {} } = HERE[namespace] as (typeof HERE)[string]
  const found: Comparison = { here: [], elsewhere: [], otherwise: [], missing: [] }
  for (const name of NAMES[namespace] as string[]) {
    const other = Object.entries(also).find(([, one]) => has(one, name))
    if (has(object, name)) found.here.push(name)
    else if (`${namespace}.${name}` in OTHERWISE) found.otherwise.push(name)
    else if (other !== undefined) found.elsewhere.push([name, `${other[0]}.${spelled(name)}`])
    else found.missing.push(name)
  }
  return found
}

const listOf = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')

/** The text of docs/missing.md. */
export function page(): string {
  const sections = Object.keys(NAMES).map((namespace) => {
    const { here, elsewhere, otherwise, missing } = compare(namespace)
    const total = (NAMES[namespace] as string[]).length
    const lines = [`## ${namespace}`, `${here.length} of ${total} names are here.`]
    if (elsewhere.length > 0) {
      lines.push(`Elsewhere: ${listOf(elsewhere.map(([, where]) => where))}.`)
    }
    if (otherwise.length > 0) {
      lines.push(
        `In another form: ${otherwise.map((name) => `\`${name}\` (${OTHERWISE[`${namespace}.${name}`]})`).join(', ')}.`,
      )
    }
    lines.push(missing.length > 0 ? `Not here: ${listOf(missing)}.` : 'Nothing is missing.')
    return lines.join('\n\n')
  })
  return `# What is missing

The public names of PyTorch 2.13, by namespace, in PyTorch's spelling. \`npm run missing\` writes this page, and a test keeps
it current. Operators without a function here can often be called by their schema: \`torch.ops.aten.roll(x, [1], [0])\`.

${sections.join('\n\n')}
`
}
