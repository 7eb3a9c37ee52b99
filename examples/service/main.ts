// A service with a page that draws forecasts of a machine while it runs. Trains a model first, for a few seconds.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { closeOnSignal } from 'libtorch-rnn/serve/fastify'
import { makeService } from './service.ts'
import { trainModel } from './train.ts'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, epochs: { type: 'string', default: '30' } },
})
const folder = await mkdtemp(join(tmpdir(), 'service-'))
const file = join(folder, 'machine.safetensors')
console.error('Training a model of the machine')
await trainModel(file, Number(values.epochs))
const { app, server } = await makeService(file, { logger: false })
console.log(`Open ${await app.listen({ port: Number(values.port) })} in a browser; Ctrl-C ends it.`)
await closeOnSignal(app, [server], { drain: 2000 })
await rm(folder, { recursive: true })
