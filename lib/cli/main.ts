#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { LibTorchError } from '../errors.ts'
import { PACKAGE } from '../native/package.ts'
import { PINNED } from '../native/version.ts'
import { doctor, testLoad } from './doctor.ts'
import { type InstallOptions, install } from './install.ts'

const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
const program = new Command('libtorch-rnn').version(version)

program
  .command('install')
  .description(`fetch LibTorch ${PINNED} into the cache of this user`)
  .option('--cuda', 'the build for NVIDIA GPUs')
  .option('--from <place>', 'a folder, a wheel, a libtorch archive, or the URL of one, instead of pip')
  .option('--sha256 <hash>', 'the checksum of the archive')
  .action(async (options: InstallOptions) => {
    const { root } = await install(options)
    const report = testLoad({ LIBTORCH: root })
    if (typeof report === 'string') throw new LibTorchError(`It is in place, but a test load failed.\n${report}`)
    console.error('A test load works.')
  })

program
  .command('doctor')
  .description('tell what is found, what is missing and what LibTorch can do on this machine')
  .action(() => {
    process.exitCode = doctor() ? 0 : 1
  })

program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof LibTorchError)) throw error
  console.error(error.message)
  process.exitCode = 1
})
