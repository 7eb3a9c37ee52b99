#!/usr/bin/env node
import { Command } from 'commander'
import { LibTorchError } from '../errors.ts'
import { cacheFolder } from '../native/cache.ts'
import { PINNED } from '../native/version.ts'
import { doctor } from './doctor.ts'
import { type InstallOptions, install, requireFound } from './install.ts'
import { addModelCommands } from './models.ts'
import { report } from './problem.ts'
import { addServe } from './serve.ts'
import { uninstall } from './uninstall.ts'
import { VERSION } from './version.ts'

const program = new Command('libtorch-rnn').version(VERSION).exitOverride()

// If a reader such as `head` closes the pipe, the program ends quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

addModelCommands(program)

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
  .description('remove everything that `install` and served models have put into the cache of this user')
  .action(() => {
    const removed = uninstall()
    console.error(removed.length === 0 ? `There is nothing in ${cacheFolder()}` : `Removed ${removed.join(' and ')}`)
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
  if (!(error instanceof LibTorchError)) return report(error, process.argv.includes('--json'))
  console.error(error.message)
  process.exitCode = 1
})
