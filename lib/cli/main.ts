#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { TorchError } from '../errors.ts'
import { cacheFolder } from '../native/cache.ts'
import { PACKAGE } from '../native/package.ts'
import { PINNED } from '../native/version.ts'
import { doctor } from './doctor.ts'
import { type InstallOptions, install, requireFound } from './install.ts'
import { addServe } from './serve.ts'
import { uninstall } from './uninstall.ts'

const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
const program = new Command('libtorch-rnn').version(version)

// If a reader such as `head` closes the pipe, the program ends quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

program
  .command('install')
  .description(`fetch LibTorch ${PINNED} into the cache of this user`)
  .option('--cuda', 'the build for NVIDIA GPUs, fetched by pip')
  .option('--from <place>', 'a folder, a wheel, a libtorch archive, or the URL of one')
  .option('--sha256 <hash>', 'the checksum of the archive')
  .option('--index-url <url>', "an index of Python packages to take PyTorch's wheel from")
  .option('--headers', 'keep the headers, which are only needed for building')
  .option('--force', 'download it even if it is installed already')
  .action(async (options: InstallOptions) => {
    requireFound(await install(options))
  })

program
  .command('uninstall')
  .description('remove everything that `install` has put into the cache of this user')
  .action(() => {
    const removed = uninstall()
    console.error(removed === undefined ? `There is nothing in ${cacheFolder()}` : `Removed ${removed}`)
  })

program
  .command('doctor')
  .description('show what is found, what is missing and what LibTorch can do on this machine')
  .option('--json', 'as JSON, for programs')
  .action(({ json = false }: { json?: boolean }) => {
    process.exitCode = doctor({ json }) ? 0 : 1
  })

addServe(program)

program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof TorchError)) throw error
  console.error(error.message)
  process.exitCode = 1
})
