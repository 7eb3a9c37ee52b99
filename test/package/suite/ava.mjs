import test from 'ava'
import * as lib from 'libtorch-rnn'
import * as models from 'libtorch-rnn/models'
import * as train from 'libtorch-rnn/train'
import register from './register.cjs'

const { torch } = lib
const passing = (name, check) =>
  test(name, async (t) => {
    await check()
    t.pass()
  })
register(passing, lib, train, models)

test('deep equality of Ava', (t) => {
  t.deepEqual(torch.tensor([1, 2]), torch.tensor([1, 2]))
  t.notDeepEqual(torch.tensor([1, 2]), torch.tensor([1, 3]))
  t.notDeepEqual(torch.tensor([1, 2]), torch.tensor([[1, 2]]))
})
