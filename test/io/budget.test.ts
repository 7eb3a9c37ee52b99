import { getHeapStatistics } from 'node:v8'
import { expect, test } from 'vitest'
import { Budget } from '../../lib/io/budget.ts'

const MOST = 1 << 28
const LEAST = 1 << 23

function make(): Budget {
  return new Budget(() => {
    throw new Error('refused')
  })
}

test('a file can make so much and no more', () => {
  const budget = make()
  budget.charge(LEAST)
  expect(budget.made).toBe(LEAST)
  expect(() => budget.charge(MOST)).toThrow('refused')
  expect(budget.made).toBe(LEAST)
  budget.close()
  expect(budget.made).toBe(0)
})

test('files that are read at the same time share a quarter of what is left of the heap', () => {
  const quarter = getHeapStatistics().heap_size_limit / 4
  const budgets: Budget[] = []
  let charged = 0
  const fill = (): void => {
    for (;;) {
      const budget = make()
      budgets.push(budget)
      budget.charge(LEAST + 1)
      charged += LEAST + 1
    }
  }
  expect(fill).toThrow('refused')
  expect(charged).toBeLessThan(quarter)
  expect(charged).toBeGreaterThan(quarter / 4)
  // A small one is read all the same.
  const small = make()
  small.charge(LEAST)
  for (const budget of [...budgets, small]) budget.close()
  const after = make()
  after.charge(LEAST + 1)
  after.close()
})
