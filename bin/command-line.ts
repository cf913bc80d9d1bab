/**
 * The command line of `butil`: which command is meant, what it came to, how that is shown. What a command
 * does is in `bin/commands`; nothing here knows a file format.
 */
import { version } from '../src/version.js';
import { COMMANDS, findCommand, type CommandEntry } from './command-table.js';
import type { Console } from './console.js';
import { usageOf } from './declaration.js';
import {
  inCommandFile,
  readClassicLine,
  readCommandFile,
  splitCommand,
  UsageError,
  valueMistake,
  type ClassicLine,
  type CommandWords,
} from './grammar.js';
import { nearest } from './nearest-word.js';
import { banner, closing, message, MESSAGE } from './messages.js';
import type { ReadOptions } from './options.js';
import { EXIT, toJson, type Outcome } from './outcome.js';
import type { Session } from './session.js';

export type { Console } from './console.js';

/** Runs one command line; returns the exit code. */
export async function butil(words: readonly string[], terminal: Console): Promise<number> {
  const own = ownWords(words);
  const isJson = own.includes('--json');
  const { console, showBanner } = withBanner(terminal, isJson);
  try {
    if (words[0]?.startsWith('@') === true) return await runCommandFile(words, console);
    const parsed = parse(words, console.platform);
    if (parsed === undefined) return showUsage(words, isJson, console);
    // Before anything is asked, on another stream.
    if (parsed.command.isBare !== true) showBanner();
    return await run(parsed, parsed.command.isBare === true ? terminal : console);
  } catch (error) {
    if (error instanceof UsageError) return showMistake(error, words, isJson, console);
    const { outcomeOf } = await import('./failures.js');
    const name = splitCommand(words, console.platform).command ?? '';
    const outcome = await outcomeOf(error, own.includes('--verbose'), name);
    if (outcome === undefined) throw error;
    show(name, outcome, isJson, console);
    return outcome.exitCode;
  }
}

/** The words that are not another program's, or names: those before `--`. */
function ownWords(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end < 0 ? words : words.slice(0, end);
}

/** The banner comes before the first line that is printed, whatever that is. */
function withBanner(
  console: Console,
  isJson: boolean,
): { console: Console; showBanner: () => void } {
  let isShown = isJson;
  const showBanner = (): void => {
    if (!isShown) console.out(banner(version));
    isShown = true;
  };
  const out = (text: string): void => {
    showBanner();
    console.out(text);
  };
  return { console: { ...console, out }, showBanner };
}

interface ParsedLine {
  readonly command: CommandEntry;
  readonly line: ClassicLine;
}

/** Undefined if no command is named. Throws `UsageError`. */
function parse(words: readonly string[], platform: string): ParsedLine | undefined {
  const { command: name, rest } = splitCommand(words, platform);
  const command = findCommand(name);
  return command && { command, line: readClassicLine(command, rest, platform) };
}

/** Runs a command and shows what it came to. Throws `UsageError`, and bugs. */
async function run({ command, line }: ParsedLine, console: Console): Promise<number> {
  const options =
    line.long.length === 0
      ? { options: new Map<string, string | true>(), help: undefined }
      : await readOptions(command, line, console);
  if (options.help !== undefined) {
    const { help: text, options: given } = options;
    const help = { exitCode: EXIT.DONE, reason: 'done', result: { message: text }, text };
    console.out(given.has('json') ? toJson(command.name, help) : text);
    return EXIT.DONE;
  }
  const module = await import('./session.js');
  const session = new module.Session(console, command.name, line, options.options);
  const outcome = await runSession(command, session);
  const isBare = command.isBare === true && outcome.exitCode === EXIT.DONE && !session.isJson;
  if (isBare) console.out(outcome.text);
  else show(command.name, outcome, session.isJson, console);
  return outcome.exitCode;
}

async function readOptions(
  command: CommandEntry,
  line: ClassicLine,
  console: Console,
): Promise<ReadOptions> {
  const { readLongOptions } = await import('./options.js');
  return readLongOptions(command, line.long, console.platform);
}

async function runSession(command: CommandEntry, session: Session): Promise<Outcome> {
  try {
    const execute = await command.load();
    try {
      return await execute(session);
    } finally {
      session.end();
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { outcomeOf } = await import('./failures.js');
    const outcome = await outcomeOf(error, session.isVerbose, command.name);
    if (outcome === undefined) throw error;
    return outcome;
  }
}

function show(command: string, outcome: Outcome, isJson: boolean, console: Console): void {
  if (isJson) {
    console.out(toJson(command, outcome));
    return;
  }
  const { text, warnings = [], exitCode } = outcome;
  if (text !== '') console.out(coloured(text, exitCode, console));
  for (const warning of warnings) console.out(`Note: ${warning}`);
  const gap = text === '' && warnings.length === 0 ? '' : '\n';
  console.out(`${gap}${closing(exitCode)}`);
}

/** Numbered messages stand out on a terminal. */
function coloured(text: string, exitCode: number, { hasColours = false }: Console): string {
  if (!hasColours || exitCode === EXIT.DONE) return text;
  return text.replaceAll(/^BUTIL-\d+:/gm, (number) => `\u001b[31m${number}\u001b[39m`);
}

/** No command, or one that is none. */
function showUsage(words: readonly string[], isJson: boolean, console: Console): number {
  const first = words.find((word) => word !== '--json');
  const isAsked = first === '--help' || first?.toLowerCase() === '-help' || first === '-?';
  if (first !== undefined && !isAsked) {
    return showMistake(new UsageError(noCommand(first)), words, isJson, console);
  }
  const text = usage(console.platform);
  const exitCode = isAsked ? EXIT.DONE : EXIT.USAGE;
  if (isJson) {
    const commands = COMMANDS.map(({ name, summary }) => ({ name, summary }));
    const reason = isAsked ? 'done' : 'usage';
    console.out(toJson('', { exitCode, reason, result: { message: USAGE, commands }, text }));
  } else console.out(text);
  return exitCode;
}

/** A word that is no command, and what was meant, if that is to be guessed. */
function noCommand(word: string): string {
  const name = word.replace(/^[-/]+/, '').toLowerCase();
  const near = nearest(
    name,
    COMMANDS.map((each) => each.name),
  );
  return `${word} is no command.${near === undefined ? '' : ` Did you mean -${near}?`}`;
}

const USAGE = 'Usage: butil -command [parameter ...] | @commandFile [commandOutputFile]';

function usage(platform: string): string {
  return [
    USAGE,
    '',
    ...COMMANDS.flatMap((command) => [
      `  ${usageOf(command, platform).slice('butil '.length)}`,
      `      ${command.summary}`,
    ]),
    '',
    'butil -command --help says more about a command. Every command takes -UID<name>, -PWD<word> and',
    '-DB<name>, which nobody checks, and --json, --root, --wait and --verbose.',
    'A path may begin with a slash; options are written with a hyphen, on Windows with either.',
  ].join('\n');
}

function showMistake(
  { message: text }: UsageError,
  words: readonly string[],
  isJson: boolean,
  console: Console,
): number {
  const command = findCommand(splitCommand(words, console.platform).command);
  if (isJson) {
    const outcome = { exitCode: EXIT.USAGE, reason: 'usage', result: { message: text }, text };
    console.out(toJson(command?.name ?? '', outcome));
    return EXIT.USAGE;
  }
  console.out(`${text}\n`);
  if (command === undefined) console.out(`${USAGE}\nbutil --help says more.`);
  else {
    console.out(`Usage: ${usageOf(command, console.platform)}`);
    console.out(`butil -${command.name} --help says more.`);
  }
  return EXIT.USAGE;
}

/** Options behind `@commandFile` that each of its commands gets. */
const SHARED_SWITCHES = ['--verbose'];
const SHARED_VALUES = new Map([
  ['--root', 'directory'],
  ['--wait', 'seconds'],
]);

/** The words behind `@commandFile`, without the options that are for all commands in it. Throws `UsageError`. */
function splitShared(words: readonly string[]): { operands: string[]; shared: string[] } {
  const operands: string[] = [];
  const shared: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const next = words[at + 1];
    const value = SHARED_VALUES.get(word);
    const isGlued = SHARED_VALUES.has(word.replace(/=.*/s, '')) && value === undefined;
    if (SHARED_SWITCHES.includes(word) || isGlued) shared.push(word);
    else if (value !== undefined) {
      const mistake = valueMistake(word.slice(2), value, next);
      if (mistake !== undefined) throw new UsageError(`butil @commandFile: ${mistake}`);
      shared.push(`${word}=${next ?? ''}`);
      at++;
    } else operands.push(word);
  }
  return { operands, shared };
}

/** A command of a file with what is given for all of them; its own options go first. */
function withShared(words: readonly string[], shared: readonly string[]): readonly string[] {
  const nameOf = (word: string): string => word.split('=')[0] ?? '';
  const own = new Set(words.map(nameOf));
  const added = shared.filter((word) => !own.has(nameOf(word)));
  return [...words.slice(0, 1), ...added, ...words.slice(1)];
}

/** `@commandFile [outputFile]`: the commands one after the other, until one is not done. */
async function runCommandFile(words: readonly string[], console: Console): Promise<number> {
  const { operands, shared } = splitShared(words);
  const [first = '', output, ...rest] = operands;
  if (rest.length > 0) throw new UsageError(`butil @commandFile: ${rest.join(' ')} is too much`);
  // As documented, and so that a switch does not become a file in the root directory.
  if (output !== undefined && /^(?:-|\/S$)/i.test(output)) {
    throw new UsageError(`butil @commandFile: options such as ${output} belong to a command in it`);
  }
  const { platform } = console;
  const { appendText, readText, writeText } = await import('./text-files.js');
  const path = first.slice(1);
  const commands = readCommandFile(readText('the command file', path), path);
  // A mistake in the last command must not show itself when the others are done.
  const parsed = commands.map((each) => parseInFile(each, path, shared, platform));
  const role = 'the output file';
  if (output !== undefined) writeText(role, output, `${banner(version)}\n`);
  const out = (text: string): void => {
    console.out(text);
    if (output !== undefined) appendText(role, output, `${text}\n`);
  };
  let worst: number = EXIT.DONE;
  for (const [index, each] of parsed.entries()) {
    out(`-${[each.command.name, ...each.line.shown].map(quoted).join(' ')}\n`);
    worst = Math.max(worst, await runInFile(each, { ...console, out, hasColours: false }));
    out('');
    const left = parsed.length - index - 1;
    if (worst < EXIT.NOT_DONE || left === 0) continue;
    const what = left === 1 ? 'The last command was' : `${left} more commands were`;
    out(message(MESSAGE.NOT_RUN, `${what} not run, because this one did not complete.`));
    break;
  }
  return worst;
}

function parseInFile(
  { words, line }: CommandWords,
  path: string,
  shared: readonly string[],
  platform: string,
): ParsedLine {
  try {
    const parsed = parse(withShared(words, shared), platform);
    if (parsed !== undefined) return parsed;
  } catch (error) {
    if (error instanceof UsageError) throw inCommandFile(path, line, error.message);
    throw error;
  }
  throw inCommandFile(path, line, noCommand(words[0] ?? ''));
}

/** A mistake that shows itself only when a command is run is part of the results too. */
async function runInFile(line: ParsedLine, console: Console): Promise<number> {
  try {
    return await run(line, console);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.out(error.message);
    return EXIT.USAGE;
  }
}

function quoted(word: string): string {
  return /\s/.test(word) || word === '' ? `"${word}"` : word;
}
