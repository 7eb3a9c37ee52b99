import { describe, expect, it } from 'vitest'
import { historyIn, readRun } from '../../../lib/cli/report/run-folder.ts'
import { reachOf, sharesOf } from '../../../lib/cli/report/sections/attributions.ts'
import { temporaryFolder, writeFiles } from '../../support/folder.ts'

describe('readRun', () => {
  it('reads the files of a run', () => {
    const result = {
      model: 'm',
      epochs: 2,
      bestEpoch: 1,
      stopReason: null,
      seconds: 1,
      parameters: 3,
      part: null,
      errors: null,
      naive: {},
    }
    const folder = writeFiles(temporaryFolder(), {
      'run.json': '{"data": "a.csv", "seed": 3}',
      'result.json': JSON.stringify(result),
      'history.csv': 'epoch,trainLoss\n1,0.5\n2,0.25\n',
    })
    const run = readRun(folder)
    expect(run.result).toEqual(result)
    expect(run.config.settings).toEqual({ seed: 3 })
    expect(run.history).toEqual([
      { epoch: 1, trainLoss: 0.5 },
      { epoch: 2, trainLoss: 0.25 },
    ])
  })

  it('names the file that is missing', () => {
    expect(() => readRun(temporaryFolder())).toThrow(/run\.json cannot be read: ENOENT/)
  })
})

describe('historyIn', () => {
  it('leaves out cells without a value', () => {
    expect(historyIn('epoch,trainLoss,lr\r\n1,0.5,\r\n2,NaN,1e-3\r\n')).toEqual([
      { epoch: 1, trainLoss: 0.5 },
      { epoch: 2, trainLoss: Number.NaN, lr: 0.001 },
    ])
  })
})

describe('shares of attributions', () => {
  it('take the sine and the cosine of a cycle together, the largest first', () => {
    expect(sharesOf(['temp', 'rain', 'hour sin', 'hour cos'], [1, 2, 3, 4])).toEqual([
      { label: 'hour', share: 0.7 },
      { label: 'rain', share: 0.2 },
      { label: 'temp', share: 0.1 },
    ])
  })

  it('reach as far back as their half', () => {
    expect(reachOf([0.25, 0.25, 0.25, 0.25])).toBe(2)
    expect(reachOf([0, 0, 1])).toBe(1)
    expect(reachOf([0.9, 0.1])).toBe(2)
  })
})
