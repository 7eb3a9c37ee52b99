import { expect, test } from 'vitest'
import { Series } from '../../../lib/data/index.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError } from '../../support/error.ts'

const OPTIONS = { time: 'date', targets: 'temp', groups: 'site' } as const
const DATA = {
  date: [1, 2, 3, 4, 1, 2, 3],
  temp: [0, 2, 0, 2, 10, 30, 10],
  site: [...'aaaabbb'],
}

test('the last steps of each group, scaled, and back', async () => {
  const series = await Series.from(DATA, OPTIONS)
  const { scaler } = series.splitSync({ past: 2, horizon: 1, scaler: 'minMax' }).train
  const { input, groups, times } = series.latest({ past: 2, scaler })
  expect(input.toArray()).toEqual([
    [[0], [1]],
    [[1], [0]],
  ])
  expect(groups).toEqual(['a', 'b'])
  expect(times.map(Number)).toEqual([4, 3])
  const { input: second } = series.latest({ past: 3, scaler, batchFirst: false })
  expect(second.toArray()).toEqual([
    [[1], [0]],
    [[0], [1]],
    [[1], [0]],
  ])
  expectClose(scaler.inverseTransform(torch.ones([2, 1]), { groups: groups ?? [] }), [[2], [30]])
  const single = await Series.from({ date: [1, 2], temp: [1, 3] }, { time: 'date', targets: 'temp' })
  const own = single.splitSync({ past: 1 }).train.scaler
  expect(single.latest({ past: 2, scaler: own }).groups).toBeUndefined()
})

test('leaves no tensors but the input behind', async () => {
  const series = await Series.from(DATA, { ...OPTIONS, missing: 'mask' })
  const { scaler } = series.splitSync({ past: 2 }).train
  const before = torch.memory().tensors
  series.latest({ past: 2, scaler })
  expect(torch.memory().tensors - before).toBe(1)
})

test('steps before a gap are none of the last', async () => {
  const source = { date: [1, 2, 3, 6, 7], temp: [1, 2, 3, 6, 7] }
  const series = await Series.from(source, { time: 'date', targets: 'temp' })
  const { scaler } = series.splitSync({ past: 1 }).train
  expectError(
    () => series.latest({ past: 3, scaler }),
    'ERR_TORCH_VALUE',
    'past is 3, but there are 2 steps since the last',
  )
})

test('options are checked', async () => {
  const series = await Series.from(DATA, OPTIONS)
  const { scaler } = series.splitSync({ past: 1 }).train
  const bad = (options: object) => () => series.latest({ past: 1, scaler, ...options } as never)
  expectError(bad({ past: 0 }), 'ERR_TORCH_VALUE', 'past must be a positive integer')
  expectError(bad({ scaler: 'standard' }), 'ERR_TORCH_TYPE', 'scaler must be a SeriesScaler')
  expectError(bad({ batchFirst: 0 }), 'ERR_TORCH_TYPE', 'batchFirst must be a boolean')
  expectError(bad({ horizon: 1 }), 'ERR_TORCH_OPTION', "unknown option 'horizon'")
  expectError(bad({ past: 4 }), 'ERR_TORCH_VALUE', "there are 3 steps since the last gap in group 'b'")
})
