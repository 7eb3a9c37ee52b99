// Everything that the package exports, as something to call.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Series, TensorDataset, WorkerDataset } from '../../lib/data/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import { native } from '../../lib/native/addon.ts'
import * as nn from '../../lib/nn/index.ts'
import { parseSchema } from '../../lib/ops/schema.ts'
import { qualified, TABLE } from '../../lib/ops/table.ts'
import * as optim from '../../lib/optim/index.ts'
import { serve } from '../../lib/serve/index.ts'
import { torch } from '../../lib/torch.ts'
import { internalMembers } from './internal.ts'
import type { Random } from './random.ts'
import { hostile, ofType } from './values.ts'

export interface Call {
  run(): unknown
  args: readonly unknown[]
  /** A method on something that has no such method: JavaScript's own errors tell that well enough. */
  torn?: boolean
}

/** One thing to call, with arguments that each call draws. */
export interface Target {
  readonly name: string
  prepare(random: Random): Call
}

type Callable = (...args: unknown[]) => unknown
type Class = (new (...args: unknown[]) => object) & { name: string; prototype: object }

/** What ends or changes the process by design. */
const SPARED = new Set([
  // Numbers of threads that a machine has not are the user's to try.
  'torch.setNumThreads',
  // All calls have one server, and one worker.
  'data.WorkerDataset.prototype.close',
  'data.WorkerDataset.prototype.Symbol(Symbol.asyncDispose)',
  'serve.Server.prototype.close',
  'serve.Server.prototype.Symbol(Symbol.asyncDispose)',
])

const isClass = (value: unknown): value is Class =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))

/** The modules that package.json exports, by the name that an export has in it. */
async function entries(): Promise<[string, object][]> {
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const files = Object.entries(exports).flatMap(([entry, file]) => {
    const path = typeof file === 'string' ? file : JSON.stringify(file)
    const [, source] = path.match(/dist\/([\w/-]*index)\.js/) ?? []
    return source === undefined ? [] : [[entry, `../../lib/${source}.ts`] as const]
  })
  return Promise.all(
    files.map(async ([entry, file]): Promise<[string, object]> => [entry.replace(/^\.\/?/, ''), await import(file)]),
  )
}

const path = (name: string): string => fileURLToPath(new URL(`../fixtures/formats/${name}`, import.meta.url))
const model = (): LSTMModel => new LSTMModel(3, 4, 2, { batchFirst: true })
const parameters = (): nn.Parameter[] => [new nn.Parameter(torch.ones([2, 3])), new nn.Parameter(torch.ones([2]))]

const series = await Series.from({ t: [1, 2, 3], x: [1, 2, 3] }, { time: 't', targets: 'x' })
const server = await serve(model())
const samples = 'export default () => ({ length: 2, get: (index) => [[index], [index]] })'
const workerDataset = await WorkerDataset.open(new URL(`data:text/javascript,${encodeURIComponent(samples)}`))
const optimizer = (): optim.SGD => new optim.SGD(parameters(), { lr: 0.1, momentum: 0.9 })
const steps = (own: optim.SGD): optim.lrScheduler.StepLR => new optim.lrScheduler.StepLR(own, 3)

/** How to make what cannot be made from a few sizes. */
const FACTORIES: Record<string, (Class: Class) => object> = {
  Tensor: () => torch.ones([2, 3]),
  Parameter: () => new nn.Parameter(torch.ones([2, 3])),
  Buffer: () => new nn.Buffer(torch.ones([2, 3])),
  ScriptModule: () => torch.jit.loadSync(path('script.pt')),
  RecurrentStream: () => new nn.LSTM(3, 4).stream(),
  PackedSequence: () => nn.utils.rnn.packSequence([torch.ones([2, 3]), torch.ones([1, 3])]),
  GroupNorm: () => new nn.GroupNorm(1, 3),
  ModuleDict: () => new nn.ModuleDict({ a: new nn.Linear(2, 3) }),
  ConcatDataset: (Dataset) => new Dataset([new TensorDataset(torch.ones([4, 3]), torch.ones([4, 1]))]),
  Subset: (Dataset) => new Dataset(new TensorDataset(torch.ones([4, 3]), torch.ones([4, 1])), [0, 2]),
  StackDataset: (Dataset) => new Dataset({ input: torch.ones([4, 3]), target: torch.ones([4, 1]) }),
  LengthBucketSampler: (Sampler) => new Sampler([3, 1, 2], { batchSize: 2 }),
  WeightedRandomSampler: (Sampler) => new Sampler([1, 2, 3], 4),
  ParametrizationList: () => nn.utils.parametrizations.weightNorm(new nn.Linear(2, 3)).parametrizations.get('weight'),
  ModuleList: () => new nn.ModuleList([new nn.Linear(2, 3)]),
  Sequential: () => new nn.Sequential(new nn.Linear(3, 3), new nn.Tanh()),
  SequenceModel: (Model) => new Model(new nn.GRU(3, 4), 2),
  Trainer: (Trainer) => new Trainer(model(), { epochs: 1, progress: false }),
  TrainingStep: (Step) => {
    const own = model()
    return new Step(own, { optimizer: new optim.SGD(own.parameters(), { lr: 0.1 }) })
  },
  DataLoader: (Loader) => new Loader(new TensorDataset(torch.ones([4, 3]), torch.ones([4, 1])), { batchSize: 2 }),
  TensorDataset: (Dataset) => new Dataset(torch.ones([4, 3]), torch.ones([4, 1])),
  LambdaLR: (Schedule) => new Schedule(optimizer(), (epoch: number) => 1 / (epoch + 1)),
  MultiplicativeLR: (Schedule) => new Schedule(optimizer(), () => 0.9),
  OneCycleLR: (Schedule) => new Schedule(optimizer(), 1, { totalSteps: 9 }),
  ChainedScheduler: (Schedule) => new Schedule([steps(optimizer())]),
  SequentialLR: (Schedule) => {
    const own = optimizer()
    return new Schedule(own, [steps(own), steps(own)], [2])
  },
  AveragedModel: (Averaged) => new Averaged(new nn.Linear(2, 3)),
  Normal: () => new torch.distributions.Normal(torch.zeros([2]), 1),
  Bernoulli: () => new torch.distributions.Bernoulli({ probs: 0.5 }),
  Categorical: () => new torch.distributions.Categorical({ logits: torch.zeros([2, 3]) }),
  Series: () => series,
  SeriesScaler: () => series.splitSync({ past: 1 }).train.scaler,
  TextDataset: (Dataset) => new Dataset(torch.arange(9), { batchSize: 2, sequenceLength: 2 }),
  Vocabulary: (Vocabulary) => new Vocabulary({ level: 'word', tokens: ['a', 'b'] }),
  Server: () => server,
  WorkerDataset: () => workerDataset,
  Session: () => server.session('one'),
  SequenceDataset: (Dataset) => new Dataset(torch.ones([8, 3]), torch.ones([8, 1]), { sequenceLength: 2 }),
}

/** Arguments that make most classes. */
const SIZES: readonly (() => unknown[])[] = [
  () => [],
  () => [3],
  () => [3, 4],
  () => [3, 4, 5],
  () => [[3]],
  () => [parameters()],
  () => [optimizer()],
  () => [optimizer(), 3],
  () => [optimizer(), 1, 2],
  () => [optimizer(), [3]],
  () => ['ERR_TORCH_VALUE', 'a message'],
  () => ['a message'],
  () => [torch.ones([4, 3]), torch.ones([4, 1])],
]

const internal = internalMembers()
const makers = new Map<Class, (() => object) | undefined>()

/** How to make an instance, or nothing: the class is abstract, or another makes its instances. */
export function makerOf(Class: Class): (() => object) | undefined {
  if (makers.has(Class)) return makers.get(Class)
  const special = FACTORIES[Class.name]
  const attempts = special === undefined ? SIZES.map((sizes) => () => new Class(...sizes())) : [() => special(Class)]
  const found = (internal.has(`${Class.name}.constructor`) && special === undefined ? [] : attempts).find((attempt) => {
    try {
      attempt()
      return true
    } catch {
      return false
    }
  })
  makers.set(Class, found)
  return found
}

const args = (random: Random): unknown[] => random.list(4, () => hostile(random))

function functionTarget(name: string, fn: Callable, self: unknown): Target {
  return {
    name,
    prepare(random) {
      const given = args(random)
      return { args: given, run: () => Reflect.apply(fn, self, given) }
    },
  }
}

function constructorTarget(name: string, Class: Class): Target {
  return {
    name: `new ${name}`,
    prepare(random) {
      // Right sizes with wrong options get further than wrong sizes.
      const given = random.chance(0.5)
        ? [...random.pick(SIZES)(), ...random.list(2, () => hostile(random))]
        : args(random)
      return { args: given, run: () => new Class(...given) }
    },
  }
}

/** A member of a prototype, on an instance, or now and then on something else. */
function memberTargets(name: string, key: string, member: PropertyDescriptor, classes: () => Class[]): Target[] {
  const on = (form: string, use: (self: unknown, given: unknown[]) => unknown): Target => ({
    name: `${name}.prototype.${key}${form}`,
    prepare(random) {
      const makers = classes().flatMap((Class) => makerOf(Class) ?? [])
      const torn = makers.length === 0 || random.chance(0.05)
      const self = torn ? hostile(random) : random.pick(makers)()
      const given = args(random)
      return { args: [self, ...given], run: () => use(self, given), torn }
    },
  })
  const { get, set, value } = member
  return [
    ...(typeof value === 'function' ? [on('', (self, given) => Reflect.apply(value as Callable, self, given))] : []),
    ...(get ? [on(' (get)', (self) => Reflect.apply(get, self, []))] : []),
    ...(set ? [on(' (set)', (self, given) => Reflect.apply(set, self, [given[0]]))] : []),
  ]
}

/** The operations of the table with arguments of the types of one of their overloads. */
function operatorTargets(): Target[] {
  return TABLE.map(({ name, overloads, functionOverloads, on }) => {
    const [last = '', namespace] = name.split('.').reverse()
    const functions = (namespace === undefined ? torch : torch[namespace as 'linalg']) as unknown as Record<
      string,
      Callable
    >
    // A function's name may be that of a property, which the prototype has no value of.
    const method = on === 'function' ? undefined : (torch.Tensor.prototype[last as 'add'] as unknown as Callable)
    return {
      name: `operator ${name}`,
      prepare(random) {
        const overload = random.pick([...overloads, ...functionOverloads])
        const { args } = parseSchema(native.schema(...qualified(overload)) as string)
        const positional = args.filter((arg) => !arg.keywordOnly).slice(0, random.int(1, args.length + 1))
        const named = args.filter((arg) => !positional.includes(arg) && arg.name !== 'generator' && random.chance(0.5))
        const given = positional.map(({ type }) => ofType(random, type))
        const options = Object.fromEntries(named.map((arg) => [arg.name, ofType(random, arg.type)]))
        const all = named.length > 0 ? [...given, options] : given
        return {
          args: all,
          run: () => (on === 'method' ? method?.apply(all[0], all.slice(1)) : functions[last]?.(...all)),
        }
      },
    }
  })
}

const MODULES: readonly (() => nn.Module)[] = [
  () => new nn.LSTM(3, 4),
  () => new nn.BatchNorm1d(3),
  () => new nn.ParameterList(parameters()),
  () => new nn.ModuleList([new nn.Linear(2, 3)]),
  () => new nn.Sequential({ first: new nn.Linear(3, 3), second: new nn.Tanh() }),
  model,
]

/** What is done without a call: assigned values, changed settings, and the results of hooks. */
function otherTargets(): Target[] {
  const target = (name: string, use: (random: Random, value: unknown) => unknown): Target => ({
    name,
    prepare(random) {
      const value = hostile(random)
      return { args: [value], run: () => use(random, value) }
    },
  })
  const registrations = [
    'registerForwardPreHook',
    'registerForwardHook',
    'registerFullBackwardPreHook',
    'registerFullBackwardHook',
  ] as const
  return [
    target('assign to a module', (random, value) => {
      const module = random.pick(MODULES)()
      const key = random.chance(0.5) ? String(random.int(-2, 3)) : random.pick(Object.keys(module))
      // Fields that are no members take anything, as in Python.
      if (key !== 'training') Object.assign(module, { [key]: value })
      return [...module.namedParameters(), ...module.buffers(), String(module)].length
    }),
    target('change a setting', (random, value) => {
      const optimizer = new (random.pick([optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop]))(parameters())
      const group = optimizer.paramGroups[0] as object
      const names = Object.keys(group).filter((name) => name !== 'params')
      Object.assign(group, { [random.pick(names)]: value })
      for (const { params } of optimizer.paramGroups) for (const param of params) param.grad = torch.onesLike(param)
      return optimizer.step()
    }),
    ...registrations.map((register) =>
      target(`the result of ${register}`, (random, value) => {
        const whole = model()
        const part: nn.Module = random.pick([whole, whole.lstm, whole.linear])
        part[register]((() => value) as never)
        return whole
          .forward(torch.ones([2, 3, 3], { requiresGrad: true }))
          .sum()
          .backward()
      }),
    ),
  ]
}

/** All classes of the package and all other functions, with their names, each once. */
async function exportedCallables(): Promise<[name: string, callable: Class | Callable][]> {
  const seen = new Set<unknown>()
  const found: [string, Class | Callable][] = []
  const visit = (path: string, owner: object): void => {
    for (const [key, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      const member: unknown = get === undefined ? value : Reflect.get(owner, key)
      if (seen.has(member) || key === 'prototype') continue
      seen.add(member)
      const name = path === '' ? key : `${path}.${key}`
      if (typeof member === 'function') found.push([name, member as Callable])
      if (isClass(member) || (typeof member === 'object' && member !== null && key !== 'ops')) visit(name, member)
    }
  }
  for (const [entry, exported] of await entries()) visit(entry, exported)
  return found
}

/** All classes of the package, each once. */
export async function exportedClasses(): Promise<Class[]> {
  return (await exportedCallables()).flatMap(([, callable]) => (isClass(callable) ? [callable] : []))
}

/** All functions of the package that are not classes, static methods among them, with their names, each once. */
export async function exportedFunctions(): Promise<[name: string, fn: Callable][]> {
  return (await exportedCallables()).filter((pair): pair is [string, Callable] => !isClass(pair[1]))
}

/** Everything to call, and the classes of which there are no instances to be had. */
export async function findTargets(): Promise<{ targets: Target[]; unmade: string[] }> {
  const targets: Target[] = [...operatorTargets(), ...otherTargets()]
  const classes = new Map<Class, string>()
  const seen = new Set<unknown>(TABLE.map(({ name, on }) => (on === 'function' ? undefined : torch[name as 'add'])))
  const visit = (name: string, owner: object): void => {
    for (const [key, member] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      const full = name === '' ? key : `${name}.${key}`
      if (SPARED.has(full)) continue
      const { set } = member
      // An export of a module may be a getter.
      const found: unknown = member.get === undefined ? member.value : Reflect.get(owner, key)
      const isExport = set === undefined && (typeof found === 'function' || typeof found === 'object')
      const value = isExport ? found : undefined
      if (member.get && !isExport) targets.push(functionTarget(`${full} (get)`, member.get as Callable, owner))
      if (set) targets.push(functionTarget(`${full} (set)`, set as Callable, owner))
      if (seen.has(value)) continue
      seen.add(value)
      if (isClass(value)) {
        classes.set(value, full)
        targets.push(constructorTarget(full, value))
      } else if (typeof value === 'function') {
        targets.push(functionTarget(full, value as Callable, owner))
      } else if (typeof value === 'object' && value !== null && key !== 'ops') {
        visit(full, value as object)
      }
    }
  }
  for (const [entry, exported] of await entries()) visit(entry, exported)

  const bases = (Class: Class): Class[] => {
    const parent = Object.getPrototypeOf(Class) as Class
    return parent === Function.prototype || /native code/.test(Function.prototype.toString.call(parent))
      ? [Class]
      : [Class, ...bases(parent)]
  }
  const derived = (Class: Class): Class[] => [...classes.keys()].filter((other) => bases(other).includes(Class))
  for (const Class of new Set([...classes.keys()].flatMap(bases))) {
    const name = classes.get(Class) ?? Class.name
    for (const [key, member] of Object.entries(Object.getOwnPropertyDescriptors(Class))) {
      if (typeof member.value !== 'function' || internal.has(`${Class.name}.${key}`)) continue
      targets.push(functionTarget(`${name}.${key}`, member.value as Callable, Class))
    }
    const own = derived(Class)
    for (const key of Reflect.ownKeys(Class.prototype)) {
      if (key === 'constructor' || bases(Class).some((base) => internal.has(`${base.name}.${String(key)}`))) continue
      const member = Object.getOwnPropertyDescriptor(Class.prototype, key) as PropertyDescriptor
      targets.push(...memberTargets(name, String(key), member, () => own))
    }
  }
  const unmade = [...classes].filter(([Class]) => makerOf(Class) === undefined).map(([, name]) => name)
  return { targets: targets.filter(({ name }) => !SPARED.has(name)), unmade }
}
