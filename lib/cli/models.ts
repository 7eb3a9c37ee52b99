// The commands that train and use models: what needs LibTorch is imported when one of them runs.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AttributeCommandOptions } from './attribute.ts'
import { comparePlanOf } from './compare/plan.ts'
import { COMPARE_PARTS } from './compare/settings.ts'
import type { EvaluateOptions } from './evaluate.ts'
import { addFlags, readFlags } from './flags.ts'
import type { GenerateCommandOptions } from './generate.ts'
import { choice, count, integer, type Kind, natural, nonNegative, point, probability, text } from './kind.ts'
import { Output, type OutputOptions } from './output.ts'
import { planOf } from './plan.ts'
import type { ReportOptions } from './report.ts'
import { ROW_FORMATS, type RowFormat } from './rows.ts'
import { PARTS, TRAINING } from './settings.ts'
import { FORMATS, type Format, locate, locateBoth, requireRun } from './source.ts'

const OUTPUT = 'Output:'

function addOutput(command: Command): Command {
  return command
    .addOption(new Option('--json', 'the result as JSON, for programs').helpGroup(OUTPUT))
    .addOption(new Option('--quiet', 'only warnings and errors').helpGroup(OUTPUT))
    .addOption(new Option('--verbose', 'more about data, model and epochs').helpGroup(OUTPUT))
}

/** The options of commands that write rows. */
function addRows(command: Command): Command {
  return command
    .addOption(
      new Option('--out <file>', 'a file: .csv, .jsonl or .parquet (default: standard output)').helpGroup(OUTPUT),
    )
    .addOption(
      new Option('--format <name>', 'what is written (default: by the name of --out, else csv)')
        .choices(ROW_FORMATS)
        .helpGroup(OUTPUT),
    )
}

function addInput(command: Command): Command {
  return command
    .argument('<model>', 'the folder of a run, or the file of a model')
    .argument('[data]', 'the file with the data, or - for standard input (default: the data of the run)')
    .addOption(new Option('--input-format <name>', 'what standard input is (default: csv)').choices(FORMATS))
}

/** An option with a value of this kind. */
function optionOf<T>(flags: string, help: string, kind: Kind<T>): Option {
  return new Option(flags, help).argParser((text: string) => {
    const value: unknown = kind.parse(text)
    if (!kind.accepts(value)) throw new InvalidArgumentError(`It must be ${kind.wanted}.`)
    return value
  })
}

interface RowOptions {
  out?: string
  format?: RowFormat
  inputFormat?: Format
}

/** Adds all commands of models to the program. */
export function addModelCommands(program: Command): void {
  addTrain(program)
  addCompare(program)
  addEvaluate(program)
  addForecast(program)
  addPredict(program)
  addAttribute(program)
  addGenerate(program)
  addInspect(program)
  addReport(program)
}

function addTrain(program: Command): void {
  const train = program
    .command('train')
    .description('train a network on a file: CSV, Parquet or JSON lines')
    .argument('[data]', 'the file with the data, or a file with a query of DuckDB, data.sql')
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
  libtorch-rnn train book.txt --task text --hidden-size 128 --epochs 10
  libtorch-rnn train --config runs/weather/run.json --out runs/again --seed 1`,
    )
    .action(async (data: string | undefined, options: object, command: Command) => {
      const plan = planOf(readFlags(command, Object.values(PARTS)), data, options)
      const { train } = await import('./train.ts')
      await train(plan, new Output(options))
    })
}

function addCompare(program: Command): void {
  const compare = program
    .command('compare')
    .description('train several networks on a file on equal terms, and say which to take, beside naive forecasts')
    .argument('[data]', 'the file with the data, or a file with a query of DuckDB, data.sql')
    .option('--out <folder>', 'the folder of the comparison (default: runs/, the name of the data and -compare)')
    .option('--resume', 'go on with the comparison in the folder, or extend it: what is trained stays')
    .option(
      '--config <file>',
      'a JSON file of settings, such as the compare.json of a comparison; flags come before it',
    )
  for (const [heading, part] of Object.entries(COMPARE_PARTS)) addFlags(compare, `${heading}:`, part)
  addOutput(compare)
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn compare weather.csv --time date --target temp_max --past 30 --horizon 7 --season 7
  libtorch-rnn compare weather.csv --time date --target temp_max --models gru,transformer,linear --seeds 5
  libtorch-rnn compare --out runs/weather-compare --resume --hidden-sizes 32,64,128
  libtorch-rnn forecast runs/weather-compare

Exit codes: 0 it has worked, 1 it has failed, 2 it was not understood, 130 and 143 it was interrupted (--resume).`,
    )
    .action(async (data: string | undefined, options: object, command: Command) => {
      const plan = comparePlanOf(readFlags(command, Object.values(COMPARE_PARTS)), data, options)
      const { compare } = await import('./compare/compare.ts')
      await compare(plan, new Output(options))
    })
}

function addEvaluate(program: Command): void {
  const command = program.command('evaluate').description('measure the errors of a model, beside naive forecasts')
  addOutput(
    addInput(command)
      .addOption(
        optionOf(
          '--from <point>',
          'where the part to measure on starts: a time, its share of the rows, or none (default: the test part of the data of the run, all of other data)',
          point,
        ),
      )
      .addOption(
        optionOf('--metrics <name,…>', 'what is measured (default: what the training measured)', TRAINING.metrics.kind),
      )
      .addOption(
        optionOf(
          '--season <n>',
          'the steps of a season, for the seasonal naive forecast (default: that of the training)',
          count,
        ),
      ),
  )
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn evaluate runs/weather
  libtorch-rnn evaluate runs/weather newer.csv --metrics mae,mape --json
  libtorch-rnn evaluate runs/weather/model.safetensors - --from 2015 < all.csv`,
    )
    .action(async (model: string, data: string | undefined, options: OutputOptions & EvaluateOptions) => {
      const found = locateBoth(model, data)
      const { evaluate } = await import('./evaluate.ts')
      await evaluate(found, options, new Output(options))
    })
}

function addForecast(program: Command): void {
  const command = program.command('forecast').description('forecast what comes after the data, with intervals')
  addRows(
    addOutput(
      addInput(command)
        .addOption(optionOf('--steps <n>', 'how many steps (default: those the model forecasts at once)', count))
        .option('--future <file>', 'a file with the inputs of the model at the steps to forecast'),
    ),
  )
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn forecast runs/weather
  libtorch-rnn forecast runs/weather newest.csv --out next-week.parquet
  tail -n 100 log.csv | libtorch-rnn forecast runs/load - --format jsonl`,
    )
    .action(async (model: string, data: string | undefined, options: OutputOptions & RowOptions) => {
      const found = locateBoth(model, data)
      const { forecast } = await import('./forecast.ts')
      await forecast(found, options, new Output(options))
    })
}

function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('write what a model predicts for each place in the data, beside what came')
  addRows(
    addInput(command).addOption(
      optionOf(
        '--from <point>',
        'where the predictions start: a time, their share of the rows, or none (default: none)',
        point,
      ),
    ),
  )
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn predict runs/weather --from 2015 --out predictions.csv
  libtorch-rnn predict runs/weather - --input-format jsonl --format jsonl < rows.jsonl | head`,
    )
    .action(async (model: string, data: string | undefined, options: RowOptions) => {
      const found = locateBoth(model, data)
      const { predict } = await import('./predict.ts')
      await predict(found, options, new Output({}))
    })
}

function addAttribute(program: Command): void {
  const command = program.command('attribute').description('show which inputs and which past steps forecasts come from')
  const methods = choice('integratedGradients', 'gradientTimesInput', 'smoothGrad', 'occlusion')
  addOutput(
    addInput(command)
      .addOption(
        optionOf(
          '--from <point>',
          'where the part to look at starts: a time, its share of the rows, or none (default: the test part of the data of the run, all of other data)',
          point,
        ),
      )
      .addOption(
        new Option('--method <name>', 'how attributions are found (default: integratedGradients)').choices(
          methods.choices as readonly string[],
        ),
      )
      .addOption(optionOf('--target <column>', 'the column that is explained (default: the first)', text('<column>')))
      .addOption(optionOf('--step <n>', 'the step of the horizon that is explained (default: their mean)', count))
      .addOption(
        optionOf('--windows <n>', 'how many windows are looked at, spread over the data (default: 500)', count),
      )
      .addOption(
        optionOf('--repeats <n>', 'how often each input is permuted; 0 leaves that out (default: 5)', natural),
      ),
  )
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn attribute runs/weather
  libtorch-rnn attribute runs/weather newer.csv --step 7 --method occlusion
  libtorch-rnn attribute runs/weather --repeats 0 --json`,
    )
    .action(async (model: string, data: string | undefined, options: OutputOptions & AttributeCommandOptions) => {
      const found = locateBoth(model, data)
      const { attribute } = await import('./attribute.ts')
      await attribute(found, options, new Output(options))
    })
}

function addGenerate(program: Command): void {
  program
    .command('generate')
    .description('go on with a text, with a model of texts')
    .argument('<model>', 'the folder of a run, or the file of a model')
    .argument('<prompt>', 'how the text begins')
    .addOption(optionOf('--steps <n>', 'the most tokens (default: 200)', count))
    .addOption(
      optionOf(
        '--temperature <x>',
        'below 1 likely tokens become likelier; 0 takes the likeliest (default: 1)',
        nonNegative,
      ),
    )
    .addOption(optionOf('--top-k <n>', 'draw only from so many of the likeliest tokens', count))
    .addOption(
      optionOf('--top-p <p>', 'draw only from the likeliest tokens that reach this probability together', probability),
    )
    .addOption(optionOf('--stop <token>', 'a token at which to end', text('<token>')))
    .addOption(optionOf('--seed <n>', 'the seed of the draws (default: 0)', integer))
    .option('--json', 'prompt and text as JSON, for programs')
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn generate runs/book 'To be, ' --steps 500 --temperature 0.8
  libtorch-rnn generate runs/book 'To be, ' --seed 1 --json`,
    )
    .action(async (path: string, prompt: string, options: OutputOptions & GenerateCommandOptions) => {
      const { model } = locate(path, undefined)
      const { generate } = await import('./generate.ts')
      await generate(model, prompt, options, new Output(options))
    })
}

function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what a safetensors file holds: network, scales, training')
    .argument('<model>', 'the file, or the folder of a run')
    .option('--json', 'as JSON, for programs')
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn inspect runs/weather
  libtorch-rnn inspect model.safetensors --json`,
    )
    .action(async (path: string, options: OutputOptions) => {
      const { model } = locate(path, undefined)
      const { inspect } = await import('./inspect.ts')
      await inspect(model, new Output(options))
    })
}

function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('write what a run has come to as a page for people')
    .argument('<run>', 'the folder of a run, or of a comparison')
    .argument('[data]', 'the file with the data (default: the data of the run)')
    .addOption(new Option('--out <file>', 'the page (default: report.html in the folder)').helpGroup(OUTPUT))
    .addOption(
      new Option('--no-svg', 'leaves out the charts as SVG files, in a folder beside the page').helpGroup(OUTPUT),
    )
  addOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  libtorch-rnn report runs/weather
  libtorch-rnn report runs/weather --out weather.html --no-svg`,
    )
    .action(async (folder: string, data: string | undefined, options: OutputOptions & ReportOptions) => {
      const { report } = await import('./report.ts')
      await report(requireRun(folder), data, options, new Output(options))
    })
}
