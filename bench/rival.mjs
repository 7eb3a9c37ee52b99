// The same work in onnxruntime-node and TensorFlow.js. Reads requests of bench/main.ts as lines of JSON and answers each
// with one, as rival.py does. Usage: node rival.mjs onnx|tfjs <folder of the packages>
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const [, , name, packages] = process.argv
const require = createRequire(join(packages, 'package.json'))

function floats(file) {
  const { buffer, byteOffset, byteLength } = readFileSync(file)
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))
}

function onnx() {
  const { InferenceSession, Tensor } = require('onnxruntime-node')
  const version = `onnxruntime-node ${require('onnxruntime-node/package.json').version}`

  async function prepare({ case: one, threads, files }) {
    const { kind, cell, input, hidden, steps, batch, samples } = one
    const options = { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential' }
    const session = await InferenceSession.create(files.model, { ...options, graphOptimizationLevel: 'all' })
    const x = floats(files.x)
    const zeros = () => new Tensor('float32', new Float32Array(batch * hidden), [1, batch, hidden])
    const states = cell === 'LSTM' ? ['h', 'c'] : ['h']
    if (kind === 'forward') {
      const feeds = { x: new Tensor('float32', x, [steps, batch, input]) }
      for (const state of states) feeds[state] = zeros()
      const fetches = ['y']
      const run = () => session.run(feeds, fetches)
      return { run, values: async () => (await run()).y.data }
    }
    const inputs = Array.from(
      { length: samples },
      (_, i) => new Tensor('float32', x.slice(i * input, (i + 1) * input), [1, 1, input]),
    )
    const fetches = states.map((state) => `${state}n`)
    const feeds = {}
    for (const state of states) feeds[state] = zeros()
    let position = 0
    const step = async (i) => {
      feeds.x = inputs[i]
      const results = await session.run(feeds, fetches)
      for (const state of states) feeds[state] = results[`${state}n`]
      return results.hn
    }
    return {
      run: () => {
        position = (position + 1) % samples
        return step(position)
      },
      values: async () => {
        const all = []
        for (let i = 0; i < samples; i++) all.push(...(await step(i)).data)
        return Float32Array.from(all)
      },
    }
  }
  return { version, prepare }
}

async function tfjs() {
  // The one with TensorFlow's own library where that could be installed, else WebAssembly.
  let tf
  let version
  try {
    tf = require('@tensorflow/tfjs-node')
    version = `TensorFlow.js ${tf.version.tfjs} with TensorFlow ${tf.version['tfjs-node']}`
  } catch {
    tf = require('@tensorflow/tfjs')
    const wasm = require('@tensorflow/tfjs-backend-wasm')
    wasm.setWasmPaths(join(packages, 'node_modules/@tensorflow/tfjs-backend-wasm/dist/'))
    await tf.setBackend('wasm')
    await tf.ready()
    version = `TensorFlow.js ${tf.version.tfjs} on WebAssembly (tfjs-node cannot be installed here)`
  }

  function transposed(values, rows, columns) {
    return tf.tidy(() => tf.keep(tf.transpose(tf.tensor2d(values, [rows, columns]))))
  }

  async function prepare({ case: one, files }) {
    const { kind, cell, input, hidden, steps, batch, samples } = one
    if (cell === 'GRU') return { skip: 'its GRU resets before the product with the state: another network' }
    const gates = cell === 'LSTM' ? 4 * hidden : hidden
    const [ih, hh, biasIh, biasHh] = files.weights.map(floats)
    const stateful = kind === 'stream'
    const layer = tf.layers[cell === 'LSTM' ? 'lstm' : 'simpleRNN']({
      units: hidden,
      kernelInitializer: 'zeros',
      recurrentInitializer: 'zeros',
      returnSequences: !stateful,
      stateful,
      batchInputShape: stateful ? [1, 1, input] : [batch, steps, input],
      ...(cell === 'LSTM' ? { recurrentActivation: 'sigmoid' } : {}),
    })
    const model = tf.sequential({ layers: [layer] })
    const bias = tf.tensor1d(biasIh.map((value, i) => value + biasHh[i]))
    layer.setWeights([transposed(ih, gates, input), transposed(hh, gates, hidden), bias])
    const x = floats(files.x)
    if (!stateful) {
      // (T, N, I) to (N, T, I), and back.
      const data = tf.tidy(() => tf.keep(tf.transpose(tf.tensor3d(x, [steps, batch, input]), [1, 0, 2])))
      const run = async () => {
        const output = model.predict(data)
        await output.data()
        output.dispose()
      }
      return { run, values: () => tf.tidy(() => tf.transpose(model.predict(data), [1, 0, 2]).dataSync()) }
    }
    const inputs = Array.from({ length: samples }, (_, i) =>
      tf.tensor3d(x.slice(i * input, (i + 1) * input), [1, 1, input]),
    )
    const step = (i) => {
      const output = model.predict(inputs[i])
      const values = output.dataSync()
      output.dispose()
      return values
    }
    let position = 0
    return {
      run: () => {
        position = (position + 1) % samples
        return step(position)
      },
      values: () => Float32Array.from(inputs.flatMap((_, i) => [...step(i)])),
    }
  }
  return { version, prepare }
}

const { version, prepare } = name === 'onnx' ? onnx() : await tfjs()
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
answer({ version })
let work
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  if (request.case !== undefined) {
    work = await prepare(request)
    if (work.skip === undefined) writeFileSync(request.values, await work.values())
    answer({ skip: work.skip })
    continue
  }
  const durations = []
  for (let i = 0; i < request.times; i++) {
    const start = performance.now()
    // A promise costs what it costs; a call that gives none does not pay for one.
    const result = work.run()
    if (typeof result?.then === 'function') await result
    durations.push((performance.now() - start) / 1000)
  }
  answer({ durations })
}
