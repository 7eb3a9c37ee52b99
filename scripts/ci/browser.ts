import { run, type Stage } from './stage.ts'

/** Elsewhere the test is skipped where there is no browser. */
export const browser: Stage = {
  name: 'browser',
  title: 'the page of examples/service in Chromium',
  run: () =>
    run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/examples/service.test.ts'], {
      REQUIRE_BROWSER: '1',
    }),
}
