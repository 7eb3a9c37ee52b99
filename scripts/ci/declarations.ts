// Checks the declarations of the packed package with the TypeScript versions that users have, and with each way to
// resolve modules. `@types/node` is installed, but only the declarations refer to it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE } from '../../lib/native/package.ts'
import { inFolder, install, pack, write } from './project.ts'
import { run, type Stage } from './stage.ts'

const PROGRAM = readFileSync(join(PACKAGE, 'test/package/suite/declarations.ts'), 'utf8')
const VERSIONS = ['5.2.2', '5.9.3', '6.0.3', '7.0.2']

const BASE = { target: 'es2022', strict: true, noEmit: true, skipLibCheck: false, types: [] }

function configurations(version: string): Record<string, object> {
  const major = Number.parseInt(version, 10)
  return {
    // Version 7 has none.
    ...(major < 7 && {
      node10: {
        module: 'commonjs',
        moduleResolution: 'node10',
        ...(major === 6 && { ignoreDeprecations: '6.0' }),
      },
    }),
    node16: { module: 'node16', moduleResolution: 'node16' },
    nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
    bundler: { module: 'esnext', moduleResolution: 'bundler' },
    'nodenext without the libraries of browsers': { module: 'nodenext', lib: ['es2022'] },
  }
}

function check(tarball: string, version: string): number {
  return inFolder((project) => {
    install(project, [tarball, `typescript@${version}`, '@types/node@20.19.25'])
    let failures = 0
    for (const [name, options] of Object.entries(configurations(version))) {
      const compilerOptions = { ...BASE, ...options }
      write(project, { 'main.ts': PROGRAM, 'tsconfig.json': JSON.stringify({ compilerOptions, files: ['main.ts'] }) })
      const { status, stdout } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc'], {
        cwd: project,
        encoding: 'utf8',
      })
      console.log(`declarations: TypeScript ${version}, ${name}: ${status === 0 ? 'no errors' : `errors\n${stdout}`}`)
      if (status !== 0) failures++
    }
    return failures
  })
}

export const declarations: Stage = {
  name: 'declarations',
  title: 'the declarations of the packed package, under TypeScript 5, 6 and 7, without any options for them',
  run: () => {
    run(process.execPath, ['scripts/setup.mjs'])
    const failures = inFolder((folder) => {
      const tarball = pack(folder)
      return VERSIONS.reduce((sum, version) => sum + check(tarball, version), 0)
    })
    if (failures > 0) throw new Error(`${failures} configurations have errors`)
  },
}
