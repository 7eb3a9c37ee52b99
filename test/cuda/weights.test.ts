import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadFile, readHeader, saveFile } from '../../lib/io/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import { Adam } from '../../lib/optim/index.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'

const device = 'cuda' as const
const values = (dict: Readonly<Record<string, { toArray(): unknown }>>) =>
  Object.fromEntries(Object.entries(dict).map(([name, value]) => [name, value.toArray()]))

describeCuda('weights on the GPU', () => {
  useTf32(false)

  test('travel between devices in state dicts and safetensors files', async () => {
    const file = join(temporaryFolder(), 'model.safetensors')
    const model = new LSTMModel(3, 8, 2, { numLayers: 2 }).to(device)
    await saveFile(model.stateDict(), file)
    expect(Object.keys((await readHeader(file)).tensors)).toEqual(Object.keys(model.stateDict()).sort())
    const onGpu = await loadFile(file, { device })
    const onCpu = await loadFile(file)
    expect([...new Set(Object.values(onGpu).map((value) => value.device))]).toEqual(['cuda:0'])
    expect(values(onGpu)).toEqual(values(model.stateDict()))
    expect(values(onCpu)).toEqual(values(onGpu))

    const x = torch.randn([5, 2, 3])
    const expected = model.forward(x.to(device)).cpu()
    for (const [target, dict] of [
      ['cpu', onGpu],
      ['cuda', onCpu],
      ['cuda', onGpu],
    ] as const) {
      const copy = new LSTMModel(3, 8, 2, { numLayers: 2 }).to(target)
      copy.loadStateDict(dict)
      expect(copy.forward(x.to(target)).cpu().allclose(expected, { atol: 1e-5 })).toBe(true)
    }
  })

  test('the optimizer’s state goes with its parameters', () => {
    const train = (where: 'cpu' | 'cuda', from?: ReturnType<Adam['stateDict']>) => {
      torch.manualSeed(0)
      const model = new LSTMModel(3, 8, 2)
      const x = torch.randn([5, 2, 3]).to(where)
      model.to(where)
      const optimizer = new Adam(model.parameters(), { lr: 0.01 })
      if (from !== undefined) optimizer.loadStateDict(from)
      for (let step = 0; step < 3; step++) {
        optimizer.zeroGrad()
        model.forward(x).square().sum().backward()
        optimizer.step()
      }
      return { model, optimizer }
    }
    const trained = train('cuda')
    const state = trained.optimizer.stateDict()
    for (const { expAvg, step } of Object.values(state.state)) {
      expect(expAvg?.device).toBe('cuda:0')
      expect(step?.item()).toBe(3)
    }
    const there = train('cuda', state)
    const back = train('cpu', state)
    for (const [name, value] of Object.entries(there.model.stateDict())) {
      expect(value.cpu().allclose(back.model.stateDict()[name] as typeof value, { atol: 1e-4 })).toBe(true)
    }
    expect(Object.values(back.optimizer.stateDict().state)[0]?.step?.item()).toBe(6)
  })

  test('checkpoints of PyTorch load onto the GPU', async () => {
    const file = formatsPath('lstm.pt')
    const onCpu = (await torch.load(file)) as Record<string, ReturnType<typeof torch.zeros>>
    const onGpu = (await torch.load(file, { device })) as typeof onCpu
    expect([...new Set(Object.values(onGpu).map((value) => value.device))]).toEqual(['cuda:0'])
    expect(values(onGpu)).toEqual(values(onCpu))
  })
})
