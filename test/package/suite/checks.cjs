// What every test runner has to see of the package, in whatever realm and form it loads it. Run by runners.ts.
const assert = require('node:assert')

/** `lib` is libtorch-rnn, `train` its trainer, `expect` that of the runner where it has one. */
module.exports = ({ torch, nn, TorchError }, { Trainer }, { LSTMModel }, expect) => ({
  'no mode of another file holds in this one': () => {
    const w = torch.tensor([2, -1], { requiresGrad: true })
    w.mul(w).sum().backward()
    assert.deepEqual(w.grad.toArray(), [4, -2])
    const product = torch.full([2, 2], 0.5).matmul(torch.full([2, 2], 0.25))
    assert.deepEqual([product.dtype, product.toArray()[0][0], product.requiresGrad], ['float32', 0.25, false])
  },
  'an LSTM computes what its equations say': () => {
    const lstm = new nn.LSTM(1, 1)
    for (const parameter of lstm.parameters()) torch.noGrad(() => parameter.fill_(0.5))
    const [output] = torch.noGrad(() => lstm.forward(torch.tensor([[1], [-2]])))
    let [h, c] = [0, 0]
    const expected = [1, -2].map((x) => {
      const sum = 0.5 * x + 0.5 * h + 1
      const gate = 1 / (1 + Math.exp(-sum)) // the same for all three
      c = gate * c + gate * Math.tanh(sum)
      h = gate * Math.tanh(c)
      return h
    })
    assert.deepEqual(output.shape, [2, 1])
    assert.ok(output.allclose(torch.tensor(expected).unsqueeze(1), { atol: 1e-6 }), `${output} is not ${expected}`)
  },
  'an offload gives values': async () => {
    const sum = await torch.offload(() => torch.tensor([1, 2]).mul(3).add(1))
    assert.deepEqual(sum.toArray(), [4, 7])
  },
  'errors of LibTorch are TorchErrors, with the line of the caller first': () => {
    const mistake = () => torch.zeros([2, 3]).matmul(torch.zeros([2, 3]))
    assert.throws(mistake, (error) => {
      assert.ok(error instanceof TorchError)
      assert.ok(error instanceof Error)
      assert.equal(error.code, 'ERR_TORCH_SHAPE')
      assert.equal(error.op, 'matmul')
      assert.match(error.stack, /^TorchShapeError: matmul: .*\n\s+at mistake .*checks\.cjs/)
      return true
    })
  },
  'errors of an offload are, too': async () => {
    await assert.rejects(
      torch.offload(() => torch.zeros([2, 3]).matmul(torch.zeros([2, 3]))),
      (error) => error instanceof TorchError && error.code === 'ERR_TORCH_SHAPE',
    )
  },
  'a model trains, validates and predicts': async () => {
    torch.manualSeed(0)
    const model = new LSTMModel(2, 8, 1, { batchFirst: true })
    const trainer = new Trainer(model, { epochs: 3, lr: 0.05, seed: 0, progress: false })
    const [inputs, targets] = [torch.randn([16, 5, 2]), torch.zeros([16, 5, 1])]
    const { signal } = new AbortController()
    const history = await trainer.fit([inputs, targets], { validation: [inputs, targets], signal })
    const losses = history.trainLosses
    assert.equal(losses.length, 3)
    assert.ok(losses[2] < losses[0])
    assert.deepEqual((await trainer.predict(inputs)).shape, [16, 5, 1])
  },
  'typed arrays go in and come out': () => {
    const values = torch.tensor(Float32Array.of(1, 2.5)).mul(2).toTypedArray()
    assert.ok(values instanceof Float32Array)
    assert.deepEqual([...values], [2, 5])
  },
  'maps and their tensors come out of tidy': () => {
    const map = torch.tidy(() => new Map([['x', torch.ones([1])]]))
    assert.equal(map.get('x').item(), 1)
  },
  'tensors are deep-equal where their values are': () => {
    assert.deepStrictEqual(torch.tensor([1, 2]), torch.tensor([1, 2]))
    assert.throws(() => assert.deepStrictEqual(torch.tensor([1, 2]), torch.tensor([1, 3])), /1, 2[\s\S]*1, 3/)
    assert.throws(() => assert.deepEqual({ x: torch.ones([2]) }, { x: torch.ones([3]) }))
    assert.throws(() => assert.deepStrictEqual(new nn.LSTM(2, 3).stateDict(), new nn.LSTM(2, 3).stateDict()))
    assert.throws(() => assert.deepStrictEqual(new nn.GRU(1, 1).stream(), new nn.GRU(1, 1).stream()))
    assert.throws(() => structuredClone(torch.ones([2])), { name: 'DataCloneError' })
    assert.equal(JSON.stringify({ x: torch.tensor([[1, 2]]) }), '{"x":[[1,2]]}')
  },
  'one epoch of fit': async () => {
    torch.manualSeed(1)
    const trainer = new Trainer(new LSTMModel(1, 4, 1), { epochs: 1, seed: 0, progress: false })
    const x = torch.arange(0, 12).div(12).reshape([4, 3, 1])
    const { epochs } = await trainer.fit([x, x])
    assert.equal(epochs.length, 1)
    assert.ok(epochs[0].trainLoss > 0 && epochs[0].trainLoss < 2, `the loss is ${epochs[0].trainLoss}`)
  },
  ...(expect && {
    'and so they are for expect': () => {
      const [a, b] = [torch.tensor([1, 2]), torch.tensor([1, 3])]
      const fails = (fn) => assert.throws(fn, (error) => !(error instanceof TypeError))
      expect(a).toEqual(torch.tensor([1, 2]))
      expect({ a }).toStrictEqual({ a: torch.tensor([1, 2]) })
      expect({ a, x: 1 }).toMatchObject({ a: torch.tensor([1, 2]) })
      expect(a).not.toEqual(b)
      fails(() => expect(a).toEqual(b))
      fails(() => expect(a).toStrictEqual(b))
      fails(() => expect(a).toEqual(torch.tensor([1, 2], { dtype: 'int64' })))
      fails(() => expect(a).toEqual(torch.tensor([[1, 2]])))
      fails(() => expect({ a }).toMatchObject({ a: b }))
      fails(() => expect([a]).toContainEqual(b))
      fails(() => expect(new nn.Linear(2, 2)).toEqual(new nn.Linear(2, 2)))
      const [disposed, other] = [torch.ones([1]), torch.ones([1])]
      disposed.dispose()
      fails(() => expect(disposed).toEqual(other))
      fails(() => expect(new nn.ReLU()).toEqual(new nn.Tanh()))
    },
  }),
  // The last ones: what holds in them must not hold in the next file.
  'inference mode': () => assert.ok(torch.inferenceMode(() => torch.ones([1]).mul(2)).isInference()),
  'autocast, without gradients': () => {
    const half = () => torch.noGrad(() => torch.ones([2, 2]).matmul(torch.ones([2, 2])))
    assert.equal(torch.autocast('cpu', half, { dtype: 'bfloat16' }).dtype, 'bfloat16')
  },
})
