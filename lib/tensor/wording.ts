import { wrongDevice } from './device.ts'

/** Argument names that LibTorch and PyTorch print in snake_case, and this API spells in camelCase. */
const NAMES =
  /(?<![\w.])(input_size|hidden_size|proj_size|num_layers|batch_first|batch_sizes|enforce_sorted|padding_value|total_length|requires_grad_?|retain_graph|create_graph|allow_unused|grad_fn|is_grads_batched|n_sample|split_size|rounding_mode|input_lengths|target_lengths|num_classes|padding_idx|num_embeddings|in_channels|out_channels|padding_mode|min_val|max_val|negative_slope)(?!\w)/g

const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const VALUES: Record<string, string> = { True: 'true', False: 'false', None: 'null' }

/** Phrases about Python, C++ or LibTorch's internals, and their replacements. */
const PHRASES: readonly (readonly [RegExp, string | ((...groups: string[]) => string)])[] = [
  [/\nException raised from [\s\S]*$/, ''],
  [/ *\(Could this error message be improved\? +If so, please report an enhancement request to PyTorch\.\)/, ''],
  [/Expected (.*) to be true, but got false\./, 'expected $1'],
  [
    /^.*INTERNAL ASSERT FAILED at "[^"]*":\d+, please report a bug to PyTorch\. */,
    'An internal check of LibTorch failed. ',
  ],
  // The list of all backends that have the operator.
  [/^(Could not run '[^']*' with arguments from the '[^']*' backend)\.[\s\S]*$/, '$1: there is none for such tensors'],
  [
    /\[enforce fail at [^\]]*\] .*DefaultCPUAllocator: can't allocate memory: you tried to allocate (\d+) bytes\.[\s\S]*$/,
    (_, bytes = '') => `${sizeOf(Number(bytes))} could not be allocated on the CPU`,
  ],
  [/\[enforce fail at [^\]]*\] */, ''],
  [/^get_mkldnn_dtype: /, 'oneDNN: '],
  // The list of all devices that a build can have.
  [/Expected one of cpu, .* device type at start of device string: (\S+)$/, (_, kind = '') => wrongDevice(kind)],
  [/ \(while checking arguments for \w+\)/, ''],
  // As Python prints it.
  [/\bCPU(\w+)Type\b/g, 'torch.$1Tensor'],
  [/\bCUDA(\w+)Type\b/g, 'torch.cuda.$1Tensor'],
  [/ZeroDivisionError: /, ''],
  [/\bPadding_idx\b/, 'paddingIdx'],
  [/Setting requires_grad=True on/, 'Setting requiresGrad on an'],
  [
    /Specify retain_graph=True if you need to backward .*$/,
    'Call the first one as backward(null, { retainGraph: true }) if there is to be a second.',
  ],
  [/element (\d+)of the differentiated Tensors/, 'element $1 of the differentiated Tensors'],
  [/Set allow_unused=True if this is the desired behavior\./, 'Pass { allowUnused: true } to get null for it.'],
  [
    /You can pass `enforce_sorted=False` to pack_padded_sequence.*$/,
    'Sort the batch, or pass { enforceSorted: false } to packPaddedSequence or packSequence.',
  ],
  [/, or convert model: model\.to\(torch\.(u?int\d+|bool)\)/, ''],
  [/\.to\(torch\.(\w+)\)/g, ".to('$1')"],
  [/`?torch\.no_grad\(\)`?/g, 'torch.noGrad()'],
  [/`?torch\.inference_mode\(\)`?/g, 'torch.inferenceMode()'],
  [
    /If you only want to run inference instead of training, in C\+\+, add.*$/,
    'If you only want to run inference, do it within torch.inferenceMode().',
  ],
  [/Use `tensor\.item\(\)` in Python or `tensor\.item<T>\(\)` in C\+\+/, 'Use `tensor.item()`'],
  [/ Hint: enable anomaly detection.*$/, ''],
  [
    /but you set 'torch\.use_deterministic_algorithms\(True(, warn_only=True)?\)'\. /,
    "but you set 'torch.useDeterministicAlgorithms(true)'. ",
  ],
  [/or you can use the 'warn_only=True' option/, 'or pass { warnOnly: true }'],
  [/ You can (also )?file an issue at https:\/\/github\.com\/pytorch.*$/, ''],
  [
    /`?\b([a-z]+(?:_[a-z]+)*)=(True|False|None)\b`?/g,
    (_, name = '', value = '') => `{ ${camelCase(name)}: ${VALUES[value]} }`,
  ],
  [/(`\w+`) is True\b/g, '$1 is true'],
  [/\btorch\.((?:float|u?int|complex)\d+|bfloat16|bool)\b(?!Tensor)/g, '$1'],
  [/(a Tensor with \d+ elements cannot be converted to Scalar)/, '$1: read them with toArray()'],
  [NAMES, (name) => camelCase(name)],
]

/** A number of bytes, for people: `1.5 MiB`. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
  let [size, unit] = [bytes, 0]
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${Number(size.toFixed(1))} ${units[unit]}`
}

/**
 * A message of LibTorch or PyTorch in the terms of this API: with its names and its option syntax, and without
 * internals.
 */
export function inOurWords(message: string): string {
  return PHRASES.reduce((text, [phrase, ours]) => text.replace(phrase, ours as string), message).trimEnd()
}
