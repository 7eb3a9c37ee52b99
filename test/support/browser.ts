import { existsSync } from 'node:fs'

/** A Chromium that is installed. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)

/** Whether tests in a browser are skipped: `npm run ci:full` fails without one. */
export const isWithoutBrowser = CHROMIUM === undefined && process.env.REQUIRE_BROWSER === undefined
