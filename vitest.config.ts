import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/seed.ts'],
    // A native crash then names the file that caused it, and the other files still run.
    pool: 'forks',
    // Tests that count tensors collect the garbage of the tests before them first.
    execArgv: ['--expose-gc'],
    // .ci/run closes with the count of this report.
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'build/test-report.json' }]] : ['default'],
    maxWorkers: 2,
    // Two files at a time, and each operation on all cores: threads that wait actively would take the cores from those
    // that they wait for, and a step of a millisecond would take seconds.
    env: { OMP_WAIT_POLICY: 'passive' },
    testTimeout: 60_000,
  },
})
