const { appendFileSync } = require('node:fs')
const checks = require('./checks.cjs')

/** Gives the checks to a runner's `test`; those that pass are written down, so that none is skipped in silence. */
module.exports = (test, lib, train, models, expect) => {
  for (const [name, check] of Object.entries(checks(lib, train, models, expect))) {
    test(name, async () => {
      await check()
      appendFileSync(process.env.CHECKED, `${name}\n`)
    })
  }
}
