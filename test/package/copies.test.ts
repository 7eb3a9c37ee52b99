// Two copies of the package in one process, as workspaces and links bring them about.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import * as lib from '../../lib/index.ts'
import { CHECKOUT, copyCheckout } from '../support/checkout.ts'
import { expectError } from '../support/error.ts'

const { nn, optim, torch } = lib
const cleanUps: (() => void)[] = []
const require = createRequire(import.meta.url)
const folder = copyCheckout((clean) => cleanUps.push(clean))
const file = join(folder, 'package.json')
const { version, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
writeFileSync(file, JSON.stringify({ ...rest, version: '0.0.9' }))

const other = require(join(folder, 'dist/index.js')) as typeof lib

afterAll(() => {
  for (const clean of cleanUps) clean()
})

describe('what is of another copy of the package is called so', () => {
  const root = CHECKOUT.replace(/\/$/, '')
  const whose = `of another copy of libtorch-rnn (${folder}, version 0.0.9; this one is ${root}, version ${version}; \`npm ls libtorch-rnn\` tells who brings them)`
  const theirs = other.torch.ones([2])
  const ours = torch.ones([2])

  test.each<[string, () => unknown, string]>([
    ['the only argument', () => torch.exp(theirs), `exp: got Tensor ${whose}`],
    ['an argument of several overloads', () => ours.add(theirs), `add: got Tensor ${whose}`],
    ['the receiver', () => lib.Tensor.prototype.item.call(theirs), `expected a Tensor, got Tensor ${whose}`],
    ['an element of a list', () => torch.cat([ours, theirs]), `cat: got Tensor ${whose}`],
    ['an option', () => torch.ones([2]).clamp({ min: theirs as never }), `clamp: got Tensor ${whose}`],
    ['the input of a network', () => new nn.LSTM(2, 3).forward(theirs), `expected a Tensor, got Tensor ${whose}`],
    [
      'a parameter of an optimizer',
      () => new optim.SGD(new other.nn.Linear(1, 1).parameters(), { lr: 1 }),
      `SGD: params must be Tensors, but one of them is Parameter ${whose}`,
    ],
    [
      'a module',
      () => new nn.ModuleList([new other.nn.ReLU()]),
      `ModuleList: module must be a Module, got ReLU ${whose}`,
    ],
    ['a packed sequence', () => nn.utils.rnn.padPackedSequence(other.nn.utils.rnn.packSequence([theirs])), whose],
  ])('%s', (_, call, message) => {
    expectError(call, 'ERR_TORCH_TYPE', message)
  })

  test('a state dict', () => {
    expectError(
      () => new nn.Linear(1, 1).loadStateDict({ weight: theirs }),
      'ERR_TORCH_VALUE',
      `While copying the parameter named "weight", expected torch.Tensor or Tensor-like object from checkpoint but received Tensor ${whose}`,
    )
  })

  test('one that was loaded anew from the same place', () => {
    const again = require(join(CHECKOUT, 'dist/index.js')) as typeof lib
    expectError(
      () => ours.add(again.torch.ones([2])),
      'ERR_TORCH_TYPE',
      `add: got Tensor of another copy of libtorch-rnn (${root} was loaded twice: the modules were reset, or bundled)`,
    )
  })

  test('each copy computes with its own', () => {
    expect(theirs.add(other.torch.ones([2])).toArray()).toEqual([2, 2])
    expect(ours.add(torch.ones([2])).toArray()).toEqual([2, 2])
  })
})
