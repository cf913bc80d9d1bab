/**
 * The command line of `butil`: commands, options and exit codes. What a command does is in
 * `bin/commands`; nothing here knows a file format.
 */
import yargs, { type Argv } from 'yargs';
import { BtrieveError, version } from '../src/index.js';
import { check } from './commands/check.js';
import { splitCommand } from './grammar.js';
import { EXIT, toJson, type Outcome } from './outcome.js';

/** Where a command's words come from and where its output goes. */
export interface Console {
  readonly platform: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Redraws one line on a terminal; undefined where there is none. */
  readonly progress?: (text: string) => void;
}

const COMMANDS = ['check', 'ver'];

/** Runs one command line; returns the exit code. */
export async function butil(words: readonly string[], console: Console): Promise<number> {
  const { command, rest } = splitCommand(words, console.platform);
  const wantsHelp = words.length === 0 || words.includes('--help') || command === 'help';
  if (!wantsHelp && (command === undefined || !COMMANDS.includes(command))) {
    console.err(`butil: ${words[0] ?? ''} is not a command; butil --help lists them.`);
    return EXIT.USAGE;
  }
  let exitCode: number = EXIT.DONE;
  const finish = (outcome: Outcome, json: boolean): void => {
    exitCode = outcome.exitCode;
    if (json) console.out(toJson(command ?? '', outcome));
    else if (outcome.exitCode === EXIT.NOT_DONE) console.err(outcome.text);
    else console.out(outcome.text);
  };
  const known = command !== undefined && COMMANDS.includes(command);
  const line = known ? [command, ...rest] : words.filter((word) => word === '--help');
  try {
    const help = await parse(line, console, finish);
    if (wantsHelp) console.out(help);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.err(error.message);
    return EXIT.USAGE;
  }
  return exitCode;
}

/** The command line was wrong: exit code 3. */
class UsageError extends Error {}

/** Has yargs read the words and run what they name; returns the help text if that was asked for. */
async function parse(
  line: readonly string[],
  console: Console,
  finish: (outcome: Outcome, json: boolean) => void,
): Promise<string> {
  const parser = yargs()
    .scriptName('butil')
    .usage('Usage: butil -command operands [options]')
    .parserConfiguration({ 'short-option-groups': false, 'boolean-negation': false })
    .command(
      'check <file>',
      'proves a data file page by page; says where damage is',
      (command: Argv) =>
        command
          .positional('file', { type: 'string', demandOption: true })
          .option('json', { type: 'boolean', default: false, describe: 'one JSON document' })
          .example('butil -check orders.dat', 'exit code 0: whole, 1: damaged, 2: not checked')
          .example('butil -check orders.dat --json', 'the same report for programs'),
      ({ file, json }) =>
        finish(
          attempt(() => check({ file, ...progressOn(console) })),
          json,
        ),
    )
    .command(
      'ver',
      'prints the version',
      (command: Argv) =>
        command.option('json', { type: 'boolean', default: false, describe: 'one JSON document' }),
      ({ json }) => finish(versionOutcome(), json),
    )
    .example('butil -check orders.dat', 'checks one file')
    .demandCommand(0)
    .strict()
    .version(false)
    .help('help')
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new UsageError(usageMessage(line[0] ?? '', message));
    });
  let help = '';
  await parser.parseAsync(line.length === 0 ? ['--help'] : line, {}, (_error, _argv, output) => {
    help = output.replaceAll(/butil (check|ver)\b/g, 'butil -$1');
  });
  return help;
}

/** What yargs says of missing operands counts them; a person wants to hear which. */
function usageMessage(command: string, message: string | null): string {
  if (message?.startsWith('Not enough') === true) {
    return `butil -${command}: a file is missing; see butil -${command} --help`;
  }
  return message ?? 'wrong usage';
}

function versionOutcome(): Outcome {
  const text = `Isamite butil ${version}, Node ${process.version}`;
  return { exitCode: EXIT.DONE, reason: 'done', result: { version }, text };
}

function progressOn(console: Console): { onProgress?: (share: number) => void } {
  const { progress } = console;
  if (progress === undefined) return {};
  let shown = -1;
  const onProgress = (share: number): void => {
    const percent = Math.floor(share * 100);
    if (percent === shown) return;
    shown = percent;
    progress(percent === 100 ? '' : `Checking: ${percent} %`);
  };
  return { onProgress };
}

/** A failure with a status is an outcome of the command; anything else is a bug and shows its stack. */
function attempt(work: () => Outcome): Outcome {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    const { status, reason = 'failed', message } = error;
    const result = { message };
    return { exitCode: EXIT.NOT_DONE, status, reason, result, text: `butil: ${message}` };
  }
}
