// Options of serve: their defaults, and what is refused.
import { expect, test } from 'vitest'
import { GRUModel } from '../../lib/models/index.ts'
import { MemoryStore, serve } from '../../lib/serve/index.ts'
import { readOptions } from '../../lib/serve/options.ts'
import { expectError, expectRejection } from '../support/error.ts'

test('have defaults', () => {
  expect(readOptions({})).toEqual({
    batch: { max: 64, wait: 0, latency: undefined },
    queue: { max: 1000, steps: 20_000, timeout: Number.POSITIVE_INFINITY, aging: 100 },
    lanes: 1,
    threads: 1,
    engine: 'auto',
    warmup: true,
    rejectNonFinite: true,
    dtype: 'float32',
    shareWeights: undefined,
    sessions: { max: 10_000, idle: Number.POSITIVE_INFINITY, store: undefined, interval: Number.POSITIVE_INFINITY },
    input: {},
    units: 'data',
    head: 'point',
    autoregressive: true,
  })
  const store = new MemoryStore()
  const given = {
    batch: { max: 1, wait: 2, latency: 3 },
    queue: { max: 4, steps: 5, timeout: 6, aging: 0 },
    lanes: 2,
    threads: 3,
    engine: 'native',
    warmup: false,
    rejectNonFinite: false,
    dtype: 'bfloat16',
    shareWeights: false,
    sessions: { max: 7, idle: 8, store, interval: 9 },
    input: { size: 9, steps: 10, maxSteps: 11 },
    units: 'scaled',
    head: 'quantiles',
    autoregressive: false,
  } as const
  expect(readOptions(given)).toEqual(given)
})

test.each<[object, string, RegExp]>([
  [{ batchSize: 64 }, 'ERR_TORCH_OPTION', /serve: unknown option 'batchSize'/],
  [
    { batch: 64 },
    'ERR_TORCH_TYPE',
    /serve: batch: options must be an object, got 64: pass it by its name, as in \{ max: 64 \}/,
  ],
  [{ batch: { maximum: 1 } }, 'ERR_TORCH_OPTION', /serve: batch: unknown option 'maximum'/],
  [{ batch: { max: 0 } }, 'ERR_TORCH_VALUE', /batch.max must be a positive integer, got 0/],
  [{ batch: { max: 1e6 } }, 'ERR_TORCH_VALUE', /batch.max must be at most 65536/],
  [{ batch: { wait: -1 } }, 'ERR_TORCH_VALUE', /batch.wait must be a non-negative number/],
  [
    { batch: { wait: Number.POSITIVE_INFINITY } },
    'ERR_TORCH_VALUE',
    /batch.wait must be at most 2147483647 ms, got Infinity/,
  ],
  [{ batch: { latency: 0 } }, 'ERR_TORCH_VALUE', /batch.latency must be a positive number/],
  [{ queue: { size: 1 } }, 'ERR_TORCH_OPTION', /serve: queue: unknown option 'size'/],
  [{ queue: { max: 1.5 } }, 'ERR_TORCH_VALUE', /queue.max must be a positive integer/],
  [{ queue: { steps: '1' } }, 'ERR_TORCH_TYPE', /queue.steps must be a positive integer/],
  [{ queue: { timeout: 0 } }, 'ERR_TORCH_VALUE', /queue.timeout must be a positive number/],
  [{ queue: { aging: Number.NaN } }, 'ERR_TORCH_VALUE', /queue.aging must be a non-negative number/],
  [{ lanes: 0 }, 'ERR_TORCH_VALUE', /lanes must be a positive integer/],
  [{ threads: 1000 }, 'ERR_TORCH_VALUE', /threads must be at most 256/],
  [{ engine: 'onnx' }, 'ERR_TORCH_VALUE', /engine must be 'auto', 'native' or 'tensor'/],
  [{ batch: { wait: 2 ** 31 } }, 'ERR_TORCH_VALUE', /batch.wait must be at most 2147483647 ms, got 2147483648/],
  [{ warmup: 'no' }, 'ERR_TORCH_TYPE', /warmup must be a boolean/],
  [{ rejectNonFinite: 1 }, 'ERR_TORCH_TYPE', /rejectNonFinite must be a boolean/],
  [{ dtype: 'float16' }, 'ERR_TORCH_VALUE', /dtype must be 'float32' or 'bfloat16'/],
  [{ shareWeights: 'no' }, 'ERR_TORCH_TYPE', /shareWeights must be a boolean/],
  [{ sessions: { max: 0 } }, 'ERR_TORCH_VALUE', /sessions.max must be a positive integer/],
  [{ sessions: { idle: '1h' } }, 'ERR_TORCH_TYPE', /sessions.idle must be a positive number/],
  [{ sessions: { store: new Map() } }, 'ERR_TORCH_TYPE', /sessions.store.load must be a function/],
  [
    { sessions: { store: null } },
    'ERR_TORCH_TYPE',
    /sessions.store must be an object with load, save and delete, got null/,
  ],
  [{ sessions: { interval: 5 } }, 'ERR_TORCH_OPTION', /sessions.interval needs a store/],
  [{ input: { features: 1 } }, 'ERR_TORCH_OPTION', /serve: input: unknown option 'features'/],
  [{ input: { size: 0 } }, 'ERR_TORCH_VALUE', /input.size must be a positive integer/],
  [{ input: { steps: 1e12 } }, 'ERR_TORCH_VALUE', /input.steps must be at most 16777216, got 1000000000000/],
  [
    { input: { steps: 2, maxSteps: 1 } },
    'ERR_TORCH_VALUE',
    /input.steps is 2, which is more than input.maxSteps, 1: no request would fit/,
  ],
  [{ units: 'kelvin' }, 'ERR_TORCH_VALUE', /units must be 'data' or 'scaled'/],
  [{ head: 'gaussian' }, 'ERR_TORCH_VALUE', /head must be 'point' or 'quantiles'/],
  [{ autoregressive: 0 }, 'ERR_TORCH_TYPE', /autoregressive must be a boolean/],
])('refuse %o', (options, code, message) => {
  expectError(() => readOptions(options as never), code as 'ERR_TORCH_TYPE', message)
})

test('of sizes must be those of a model that says them itself', async () => {
  const model = new GRUModel(2, 4, 1)
  for (const engine of ['native', 'tensor'] as const) {
    await expectRejection(
      serve(model, { engine, input: { size: 3 } }),
      'ERR_TORCH_VALUE',
      /input.size is 3, but a step of the GRUModel is 2 values/,
    )
    await expectRejection(
      serve(model, { engine, input: { numEmbeddings: 3 } }),
      'ERR_TORCH_VALUE',
      /input.numEmbeddings is 3, but a step of the GRUModel is 2 values/,
    )
    const tokens = new GRUModel(2, 4, 1, { embedding: 5 })
    await expectRejection(
      serve(tokens, { engine, input: { size: 2 } }),
      'ERR_TORCH_VALUE',
      /input.size is 2, but a step of the GRUModel is one of 5 tokens/,
    )
    await (await serve(tokens, { engine, input: { numEmbeddings: 5 } })).close()
    const server = await serve(model, { engine, input: { size: 2, steps: 3 } })
    await expectRejection(server.predict(new Float32Array(4)), 'ERR_TORCH_SHAPE', /must have 3 steps, got 2/)
    await server.close()
  }
})
