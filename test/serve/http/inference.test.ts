// The Open Inference Protocol, by a client written from its specification.
import { describe, expect, test } from 'vitest'
import { type Tensor, torch } from '../../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../../lib/models/index.ts'
import { service } from '../../support/service.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(2)
const random = (...shape: number[]): Tensor => torch.randn(shape, { generator })
const valuesOf = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array
const model = new LSTMModel(3, 8, 2, { output: 'last' })
const perStep = new GRUModel(3, 8, 2)

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(found[i]).toBeCloseTo(wanted[i] as number, 5)
}

/** (N, L, 3) -> (N, 2), or (N, L, 2). */
function forward(m: LSTMModel | GRUModel, x: Tensor): Float32Array {
  const y = torch.noGrad(() => (m.clone().eval() as LSTMModel).forward(x.transpose(0, 1)))
  return valuesOf(m === model ? y : y.transpose(0, 1).contiguous())
}

interface InputTensor {
  name: string
  datatype: string
  shape: readonly number[]
  /** In JSON. */
  data?: unknown
  /** As bytes behind the JSON. */
  bytes?: Uint8Array
}

interface OutputTensor {
  name: string
  datatype: string
  shape: number[]
  data: number[]
}

interface Answer {
  status: number
  model_name: string
  model_version?: string
  id?: string
  error?: string
  outputs: OutputTensor[]
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)

/** A client of the protocol, with the extension for binary tensors. */
class Client {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.#url}${path}`)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  async infer(path: string, inputs: readonly InputTensor[], rest: object = {}): Promise<Answer> {
    const json = JSON.stringify({
      ...rest,
      inputs: inputs.map(({ bytes, ...tensor }) =>
        bytes === undefined ? tensor : { ...tensor, parameters: { binary_data_size: bytes.length } },
      ),
    })
    const head = new TextEncoder().encode(json)
    const behind = inputs.flatMap(({ bytes }) => bytes ?? [])
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (behind.length > 0) {
      headers['content-type'] = 'application/octet-stream'
      headers['Inference-Header-Content-Length'] = String(head.length)
    }
    const body = Buffer.concat([head, ...behind])
    const response = await fetch(`${this.#url}/v2/models/${path}/infer`, { method: 'POST', body, headers })
    const bytes = Buffer.from(await response.arrayBuffer())
    const length = response.headers.get('inference-header-content-length')
    const answer = JSON.parse(bytes.subarray(0, length === null ? bytes.length : Number(length)).toString()) as Answer
    let at = Number(length)
    for (const output of answer.outputs ?? []) {
      const { parameters } = output as unknown as { parameters?: { binary_data_size: number } }
      if (parameters === undefined) continue
      const own = bytes.subarray(at, at + parameters.binary_data_size)
      at += own.length
      output.data = [...new Float32Array(new Uint8Array(own).buffer)]
    }
    return { ...answer, status: response.status }
  }
}

test('health and metadata are those of the protocol', async () => {
  const { url, server } = await service(model)
  const client = new Client(url)
  expect(await client.get('/v2')).toEqual({
    status: 200,
    body: {
      name: 'libtorch-rnn',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      extensions: ['binary_tensor_data'],
    },
  })
  expect(await client.get('/v2/health/live')).toEqual({ status: 200, body: { live: true } })
  expect(await client.get('/v2/health/ready')).toEqual({ status: 200, body: { ready: true } })
  const metadata = {
    name: 'm',
    versions: ['v1'],
    platform: 'libtorch_rnn',
    inputs: [
      { name: 'input', datatype: 'FP32', shape: [-1, -1, 3] },
      { name: 'lengths', datatype: 'INT32', shape: [-1], parameters: { optional: true } },
    ],
    outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 2] }],
  }
  expect(await client.get('/v2/models/m')).toEqual({ status: 200, body: metadata })
  expect(await client.get('/v2/models/m/versions/v1')).toEqual({ status: 200, body: metadata })
  expect(await client.get('/v2/models/m/ready')).toEqual({ status: 200, body: { name: 'm', ready: true } })
  expect(await client.get('/v2/models/m/versions/v2')).toMatchObject({ status: 404, body: { error: /no version/ } })
  expect(await client.get('/v2/models/n/ready')).toMatchObject({ status: 404 })
  // What is closed is alive, and not ready.
  await server.close()
  expect(await client.get('/v2/health/live')).toMatchObject({ status: 200 })
  expect(await client.get('/v2/health/ready')).toEqual({
    status: 400,
    body: { ready: false, error: "model 'm' is closed" },
  })
  expect(await client.get('/v2/models/m/ready')).toMatchObject({ status: 400, body: { ready: false } })
})

describe('infer', () => {
  const x = random(4, 5, 3)
  const values = valuesOf(x)
  const input = { name: 'input', shape: [4, 5, 3] }

  test.each<[string, InputTensor]>([
    ['flat JSON', { ...input, datatype: 'FP32', data: [...values] }],
    ['nested JSON', { ...input, datatype: 'FP32', data: x.toArray() }],
    ['FP32 in bytes', { ...input, datatype: 'FP32', bytes: bytesOf(values) }],
    ['FP64 in bytes', { ...input, datatype: 'FP64', bytes: bytesOf(Float64Array.from(values)) }],
  ])('gives the output of forward for %s', async (_, tensor) => {
    const client = new Client((await service(model)).url)
    for (const binary of [false, true]) {
      const answer = await client.infer('m', [tensor], { id: 'a', parameters: { binary_data_output: binary } })
      expect(answer).toMatchObject({
        status: 200,
        model_name: 'm',
        id: 'a',
        outputs: [{ name: 'output', datatype: 'FP32', shape: [4, 2] }],
      })
      expectNear(answer.outputs[0]?.data as number[], forward(model, x))
    }
  })

  test.each<[string, ArrayBufferView, (value: number) => number]>([
    ['INT8', Int8Array.of(1, -2, 3), Number],
    ['UINT8', Uint8Array.of(1, 255, 3), Number],
    ['INT16', Int16Array.of(1, -300, 3), Number],
    ['UINT16', Uint16Array.of(1, 60_000, 3), (value) => value],
    ['INT32', Int32Array.of(1, -2, 3), Number],
    ['UINT32', Uint32Array.of(1, 4_000_000_000, 3), Number],
    ['INT64', BigInt64Array.of(1n, -2n, 3n), Number],
    ['UINT64', BigUint64Array.of(1n, 2n, 3n), Number],
    ['BOOL', Uint8Array.of(1, 0, 1), Number],
    // 1, -2, 0.333
    ['FP16', Uint16Array.of(0x3c00, 0xc000, 0x3555), (bits) => ({ 15360: 1, 49152: -2 })[bits] ?? 0.333251953125],
    ['BF16', Uint16Array.of(0x3f80, 0xc000, 0x3eab), (bits) => ({ 16256: 1, 49152: -2 })[bits] ?? 0.333984375],
  ])('reads %s', async (datatype, array, meaning) => {
    const client = new Client((await service(model)).url)
    const tensor = { name: 'input', datatype, shape: [1, 1, 3], bytes: bytesOf(array) }
    const answer = await client.infer('m', [tensor])
    const meant = Array.from(array as Int32Array, (value) => meaning(Number(value)))
    expectNear(answer.outputs[0]?.data as number[], forward(model, torch.tensor([[meant]])))
  })

  test('takes sequences of unequal lengths, and fills up what it gives for each step', async () => {
    const client = new Client((await service(perStep)).url)
    const lengths = { name: 'lengths', datatype: 'INT32', shape: [4], data: [5, 1, 3, 2] }
    const answer = await client.infer('m', [{ ...input, datatype: 'FP32', data: [...values] }, lengths])
    expect(answer.outputs[0]?.shape).toEqual([4, 5, 2])
    const rows = answer.outputs[0]?.data as number[]
    for (const [i, length] of [5, 1, 3, 2].entries()) {
      expectNear(rows.slice(i * 10, i * 10 + length * 2), forward(perStep, x.narrow(0, i, 1).narrow(1, 0, length)))
      expect(rows.slice(i * 10 + length * 2, (i + 1) * 10)).toEqual(Array((5 - length) * 2).fill(0))
    }
  })

  test('asks the version of the path', async () => {
    const { url, server } = await service(model)
    const other = new LSTMModel(3, 8, 2, { output: 'last' })
    await server.reload(other, { share: 0.5 })
    const client = new Client(url)
    const tensor = { ...input, datatype: 'FP32', data: [...values] }
    const second = await client.infer('m/versions/v2', [tensor])
    expect(second.model_version).toBe('v2')
    const wanted = torch.noGrad(() => other.clone().eval().forward(x.transpose(0, 1)))
    expectNear(second.outputs[0]?.data as number[], valuesOf(wanted))
    const first = await client.infer('m/versions/v1', [tensor])
    expectNear(first.outputs[0]?.data as number[], forward(model, x))
    expect((await client.infer('m/versions/v3', [tensor])).status).toBe(404)
  })

  test('of more rows than may wait takes them one after the other', async () => {
    const client = new Client((await service(model, {}, { queue: { max: 200 } })).url)
    const many = random(500, 2, 3)
    const answer = await client.infer('m', [
      { name: 'input', datatype: 'FP32', shape: [500, 2, 3], bytes: bytesOf(valuesOf(many)) },
    ])
    expectNear(answer.outputs[0]?.data as number[], forward(model, many))
  })

  test.each<[string, InputTensor[], object, RegExp]>([
    ['no input', [], {}, /there is no 'input'/],
    ['another name', [{ name: 'x', datatype: 'FP32', shape: [1, 1, 3], data: [1, 2, 3] }], {}, /got "x"/],
    ['another datatype', [{ ...input, datatype: 'BYTES', data: ['a'] }], {}, /must be one of BOOL/],
    ['a name of every object', [{ ...input, datatype: 'toString', data: [] }], {}, /must be one of BOOL/],
    [
      'another rank',
      [{ name: 'input', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
      {},
      /\[batch, steps, 3\], got \[1,3\]/,
    ],
    [
      'other features',
      [{ name: 'input', datatype: 'FP32', shape: [1, 1, 2], data: [1, 2] }],
      {},
      /\[batch, steps, 3\]/,
    ],
    ['a size of 0', [{ name: 'input', datatype: 'FP32', shape: [0, 1, 3], data: [] }], {}, /got \[0,1,3\]/],
    ['a vast shape', [{ name: 'input', datatype: 'FP32', shape: [1e9, 1e9, 3], data: [1] }], {}, /shape of 'input'/],
    [
      'a large shape',
      [{ name: 'input', datatype: 'FP32', shape: [1, 1e9, 3], data: [1] }],
      {},
      /has 3000000000 values, got 1/,
    ],
    ['too few values', [{ ...input, datatype: 'FP32', data: [1, 2] }], {}, /has 60 values, got 2/],
    ['too few bytes', [{ ...input, datatype: 'FP32', bytes: new Uint8Array(8) }], {}, /has 240 bytes as FP32, got 8/],
    [
      'a string',
      [{ name: 'input', datatype: 'FP32', shape: [1, 1, 3], data: [1, '2', 3] }],
      {},
      /must be numbers, got "2"/,
    ],
    [
      'NaN',
      [{ name: 'input', datatype: 'FP32', shape: [1, 1, 3], bytes: bytesOf(Float32Array.of(1, Number.NaN, 3)) }],
      {},
      /feature 1 of step 0 is NaN/,
    ],
    [
      'data nested otherwise',
      [
        {
          name: 'input',
          datatype: 'FP32',
          shape: [1, 2, 3],
          data: [
            [
              [1, 2, 3],
              [4, 5],
            ],
            6,
          ] as never,
        },
      ],
      {},
      /not nested so/,
    ],
    [
      'an unknown parameter',
      [{ ...input, datatype: 'FP32', data: [...values] }],
      { parameters: { priority: 1 } },
      /no 'priority'/,
    ],
    [
      'an unknown output',
      [{ ...input, datatype: 'FP32', data: [...values] }],
      { outputs: [{ name: 'y' }] },
      /is 'output', got "y"/,
    ],
    [
      'a length of more steps',
      [
        { ...input, datatype: 'FP32', data: [...values] },
        { name: 'lengths', datatype: 'INT32', shape: [4], data: [1, 2, 3, 6] },
      ],
      {},
      /from 1 to 5, got 6/,
    ],
  ])('refuses %s', async (_, inputs, rest, message) => {
    const client = new Client((await service(model)).url)
    const answer = await client.infer('m', inputs, rest)
    expect(answer.status).toBe(400)
    expect(answer.error).toMatch(message)
  })

  test('computes a batch that is larger than the queue', async () => {
    const { url, server } = await service(model, {}, { queue: { max: 3 }, batch: { max: 2 } })
    const x = random(10, 2, 3)
    const inputs = [{ name: 'input', datatype: 'FP32', shape: [10, 2, 3], bytes: bytesOf(valuesOf(x)) }]
    const answer = await new Client(url).infer('m', inputs)
    expect(answer.status).toBe(200)
    expectNear(answer.outputs[0]?.data as number[], forward(model, x))
    expect(server.metrics()).toMatchObject({ served: 10, rejected: 0 })
  })

  test('names the row that is not finite', async () => {
    const client = new Client((await service(model)).url)
    const broken = values.slice()
    broken[2 * 15 + 4] = Number.NaN
    const answer = await client.infer('m', [{ ...input, datatype: 'FP32', bytes: bytesOf(broken) }])
    expect(answer).toMatchObject({
      status: 400,
      error: expect.stringMatching(/^row 2: .*feature 1 of step 1 is NaN/),
    })
  })

  test.each([
    ['more than the body has', '100000'],
    ['no number', 'a'],
    ['less than none', '-1'],
  ])('refuses a length of JSON that is %s', async (_, length) => {
    const { url } = await service(model)
    const response = await fetch(`${url}/v2/models/m/infer`, {
      method: 'POST',
      body: '{}',
      headers: { 'inference-header-content-length': length },
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/must be at most the 2 bytes/) })
  })
})
