// What only this library uses cannot be reached by a name: declarations leave it out, but JavaScript would find it.
import { expect, test } from 'vitest'
import { internalMembers } from '../fuzz/internal.ts'

test('no class has an internal member under a string name', () => {
  const marked = [...internalMembers({ onlyMarked: true })]
  // A key that is a symbol has to be imported, and a constructor is protected by its first argument.
  expect(marked.filter((name) => !name.includes('.Symbol(') && !name.endsWith('.constructor'))).toEqual([])
  expect(marked).toEqual(expect.arrayContaining(['RecurrentModule.Symbol(run)', 'Trainer.Symbol(makeGraph)']))
})
