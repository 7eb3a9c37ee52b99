// The test file of runners of CommonJS.
const register = require('./register.cjs')

const test = globalThis.test ?? globalThis.it ?? require('node:test').test
register(
  test,
  require('libtorch-rnn'),
  require('libtorch-rnn/train'),
  require('libtorch-rnn/models'),
  globalThis.expect,
)
