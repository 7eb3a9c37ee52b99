// The package where none of the optional packages can be found, as processes: what its users are told to install.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHECKOUT } from '../../support/checkout.ts'
import { temporaryFolder } from '../../support/folder.ts'

const folder = temporaryFolder((clean) => afterAll(clean, 60_000))

/** Its own packages are looked for from where they really are, and those of this copy only here. */
beforeAll(() => {
  const { dependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const copy = join(folder, 'node_modules/libtorch-rnn')
  mkdirSync(copy, { recursive: true })
  cpSync(join(CHECKOUT, 'package.json'), join(copy, 'package.json'))
  cpSync(join(CHECKOUT, 'dist'), join(copy, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(map|d\.ts)$/.test(path),
  })
  symlinkSync(join(CHECKOUT, 'build'), join(copy, 'build'), 'junction')
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(CHECKOUT, 'node_modules', name), link, 'junction')
  }
}, 60_000)

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args], { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const MAIN = 'node_modules/libtorch-rnn/dist/cli/main.js'
const ALL = 'fastify @fastify/websocket prom-client @fastify/swagger @fastify/swagger-ui'

test('the command names all of them, before it looks at the model', () => {
  expect(run([MAIN, 'serve', 'no-such-file', '--port', '0'])).toEqual({
    status: 1,
    stdout: '',
    stderr: `error: packages are missing: npm install ${ALL}; or do without: --no-websocket, --no-metrics, --no-openapi\n`,
  })
  expect(run([MAIN, 'serve', 'no-such-file', '--no-websocket', '--no-openapi', '--tracing']).stderr).toBe(
    'error: packages are missing: npm install fastify prom-client @opentelemetry/api; or do without: --no-metrics, no --tracing\n',
  )
  expect(run([MAIN, 'serve', 'no-such-file', '--processes', '2']).stderr).toContain(`npm install ${ALL};`)
})

test('serveApp names all of them, and servePlugin those that it needs itself', () => {
  const program = join(folder, 'program.mjs')
  writeFileSync(
    program,
    `import { GRUModel } from 'libtorch-rnn/models'
import { serve } from 'libtorch-rnn/serve'
import { serveApp, servePlugin } from 'libtorch-rnn/serve/fastify'
const server = await serve(new GRUModel(3, 8, 2))
const models = { m: server }
for (const call of [
  () => serveApp({ models }),
  () => serveApp({ models, websocket: false, metrics: false, openapi: false }),
  () => servePlugin({}, { models, sessions: 'none' }),
]) await call().catch(({ code, message }) => console.log(code, message))
await server.close()
`,
  )
  expect(run([program])).toEqual({
    status: 0,
    stdout: [
      `ERR_TORCH_RUNTIME serveApp: packages are missing: npm install ${ALL}; or do without: { websocket: false }, { metrics: false }, { openapi: false }`,
      'ERR_TORCH_RUNTIME serveApp: a package is missing: npm install fastify',
      'ERR_TORCH_RUNTIME servePlugin: packages are missing: npm install prom-client @fastify/swagger @fastify/swagger-ui; or do without: { metrics: false }, { openapi: false }',
      '',
    ].join('\n'),
    stderr: '',
  })
})
