import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'
import { findTargets } from './targets.ts'

const SEED = 20261126
const CALLS = 12_000

test('whatever is called with whatever gives a value or a TorchError', async () => {
  expect(await fuzz(SEED, 0, CALLS)).toEqual([])
}, 600_000)

test('all that is exported is called, and of every class there are instances', async () => {
  const { targets, unmade } = await findTargets()
  const names = targets.map(({ name }) => name)
  // One of each kind: an operator, a function, a namespace within, a constructor, a method, a getter, a setter.
  expect(names).toEqual(
    expect.arrayContaining([
      'operator linalg.svd',
      'torch.tensor',
      'nn.functional.ctcLoss',
      'new optim.Adam',
      'nn.Module.prototype.loadStateDict',
      'Tensor.prototype.grad (get)',
      'Tensor.prototype.grad (set)',
      'train.Trainer.prototype.fit',
      'assign to a module',
      'change a setting',
      'the result of registerFullBackwardHook',
    ]),
  )
  // Abstract classes, whose subclasses have instances; and what there is only with CUDA.
  expect(unmade.filter((name) => !name.startsWith('torch.cuda.')).sort()).toEqual([
    'metrics.ClassificationMetric',
    'metrics.MeanError',
    'metrics.Metric',
    'metrics.RegressionMetric',
    'models.RecurrentModel',
    'nn.ActivationModule',
    'nn.Module',
    'nn.RecurrentCell',
    'nn.RecurrentModule',
    'optim.Optimizer',
    'optim.lrScheduler.LRScheduler',
    'torch.autograd.Function',
    'torch.distributions.Distribution',
  ])
})
