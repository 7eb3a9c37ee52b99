// The test file of runners of ES modules.
import * as lib from 'libtorch-rnn'
import * as models from 'libtorch-rnn/models'
import * as train from 'libtorch-rnn/train'
import register from './register.cjs'

const test = globalThis.test ?? globalThis.it ?? (await import('node:test')).test
register(test, lib, train, models, globalThis.expect)
