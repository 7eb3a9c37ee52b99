// One side of the HTTP benchmark in Node, as a process: `side.ts NAME FOLDER`. Prints its port when it listens.
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { gathered, HIDDEN, head, INPUT, MAX_BATCH, readParameters, STEPS } from './task.ts'

type Predict = (x: Float32Array) => Promise<Float32Array>

const [name = '', folder = ''] = process.argv.slice(2)
const require = createRequire(join(import.meta.dirname, '../../rivals/node/package.json'))
const parameters = readParameters(folder)

/** What comes while a batch runs is the next batch: what the other sides would write by hand. */
function batched(run: (rows: readonly Float32Array[]) => Promise<Float32Array[]>): Predict {
  let waiting: { x: Float32Array; resolve: (y: Float32Array) => void; reject: (error: unknown) => void }[] = []
  let isRunning = false
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH)
      waiting = waiting.slice(MAX_BATCH)
      try {
        const outputs = await run(batch.map(({ x }) => x))
        for (const [i, { resolve }] of batch.entries()) resolve(outputs[i] as Float32Array)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isRunning = false
  }
  return (x) =>
    new Promise((resolve, reject) => {
      waiting.push({ x, resolve, reject })
      if (isRunning) return
      isRunning = true
      setImmediate(() => void work())
    })
}

async function onnx(): Promise<(rows: readonly Float32Array[]) => Promise<Float32Array[]>> {
  const { InferenceSession, Tensor } = require('onnxruntime-node')
  const session = await InferenceSession.create(join(folder, 'model.onnx'), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  return async (rows) => {
    const state = (): unknown => new Tensor('float32', new Float32Array(rows.length * HIDDEN), [1, rows.length, HIDDEN])
    const x = new Tensor('float32', gathered(rows), [STEPS, rows.length, INPUT])
    const { hn } = await session.run({ x, h: state(), c: state() }, ['hn'])
    return head(hn.data as Float32Array, parameters)
  }
}

async function tensorflow(): Promise<Predict> {
  const tf = require('@tensorflow/tfjs')
  const wasm = require('@tensorflow/tfjs-backend-wasm')
  wasm.setWasmPaths(join(import.meta.dirname, '../../rivals/node/node_modules/@tensorflow/tfjs-backend-wasm/dist/'))
  await tf.setBackend('wasm')
  await tf.ready()
  const layer = tf.layers.lstm({
    units: HIDDEN,
    recurrentActivation: 'sigmoid',
    kernelInitializer: 'zeros',
    recurrentInitializer: 'zeros',
    inputShape: [STEPS, INPUT],
  })
  const model = tf.sequential({ layers: [layer] })
  const { weight_ih, weight_hh, bias_ih, bias_hh } = parameters
  const transposed = (values: Float32Array, columns: number): unknown =>
    tf.transpose(tf.tensor2d(values, [4 * HIDDEN, columns]))
  const bias = tf.tensor1d(bias_ih.map((value, i) => value + (bias_hh[i] as number)))
  layer.setWeights([transposed(weight_ih, INPUT), transposed(weight_hh, HIDDEN), bias])
  return async (x) => {
    const y = tf.tidy(() => model.predict(tf.tensor3d(x, [1, STEPS, INPUT])))
    const hidden = (await y.data()) as Float32Array
    y.dispose()
    return head(hidden, parameters)[0] as Float32Array
  }
}

/** The same server for what is not this library. */
function plain(predict: Predict): FastifyInstance {
  const app = Fastify({ logger: false })
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.post('/predict', async (request, reply) => {
    const bytes = new Uint8Array(request.body as Buffer)
    const y = await predict(new Float32Array(bytes.buffer))
    return reply
      .header('content-type', 'application/octet-stream')
      .send(Buffer.from(y.buffer, y.byteOffset, y.byteLength))
  })
  return app
}

async function ours(dtype: 'float32' | 'bfloat16'): Promise<FastifyInstance> {
  const { serve } = await import('libtorch-rnn/serve')
  const { serveApp } = await import('libtorch-rnn/serve/fastify')
  const server = await serve(join(folder, 'model.safetensors'), {
    dtype,
    batch: { max: MAX_BATCH },
    queue: { max: 10_000 },
  })
  return await serveApp({ models: { m: server }, logger: false, metrics: false, openapi: false, websocket: false })
}

const sides: Record<string, () => Promise<FastifyInstance>> = {
  echo: async () => plain(async (x) => x.slice(0, 8)),
  float32: () => ours('float32'),
  bfloat16: () => ours('bfloat16'),
  onnx: async () => {
    const run = await onnx()
    return plain(async (x) => (await run([x]))[0] as Float32Array)
  },
  'onnx-batched': async () => plain(batched(await onnx())),
  tensorflow: async () => plain(await tensorflow()),
}

const app = await (sides[name] as () => Promise<FastifyInstance>)()
await app.listen({ port: 0, host: '127.0.0.1' })
console.log((app.server.address() as AddressInfo).port)
