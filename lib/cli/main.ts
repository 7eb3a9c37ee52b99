#!/usr/bin/env node
import { Command, Option } from 'commander'
import { LibTorchError } from '../errors.ts'
import { cacheFolder } from '../native/cache.ts'
import { PINNED } from '../native/version.ts'
import { doctor } from './doctor.ts'
import { addFlags, readFlags } from './flags.ts'
import { type InstallOptions, install, requireFound } from './install.ts'
import { Output } from './output.ts'
import { planOf } from './plan.ts'
import { report } from './problem.ts'
import { PARTS } from './settings.ts'
import { uninstall } from './uninstall.ts'
import { VERSION } from './version.ts'

const program = new Command('libtorch-rnn').version(VERSION).exitOverride()

// If a reader such as `head` closes the pipe, the program ends quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** The options of each command that computes. */
function addOutput(command: Command): Command {
  return command
    .addOption(new Option('--json', 'the result as JSON, for programs').helpGroup('Output:'))
    .addOption(new Option('--quiet', 'only warnings and errors').helpGroup('Output:'))
    .addOption(new Option('--verbose', 'more about data, model and epochs').helpGroup('Output:'))
}

const train = program
  .command('train')
  .description('train a network on a file: CSV, Parquet or JSON lines')
  .argument('[data]', 'the file with the data')
  .option('--out <folder>', 'the folder of the run (default: runs/ and the name of the data)')
  .option('--resume', 'go on with the run in the folder')
  .option('--config <file>', 'a JSON file of settings, such as the run.json of a run; flags come before it')
for (const [heading, part] of Object.entries(PARTS)) addFlags(train, `${heading}:`, part)
addOutput(train)
  .addHelpText(
    'after',
    `
Examples:
  libtorch-rnn train weather.csv --time date --target temp_max --past 90 --horizon 7
  libtorch-rnn train --out runs/weather --resume --epochs 200
  libtorch-rnn train --config runs/weather/run.json --out runs/again --seed 1`,
  )
  .action(async (data: string | undefined, options: object, command: Command) => {
    const plan = planOf(readFlags(command, Object.values(PARTS)), data, options)
    const { train } = await import('./train.ts')
    await train(plan, new Output(options))
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

program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof LibTorchError)) return report(error, process.argv.includes('--json'))
  console.error(error.message)
  process.exitCode = 1
})
