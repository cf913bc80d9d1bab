/**
 * Writes the manual pages `man/butil.1` and `man/isamited.1` from the declarations of the commands, so that they
 * cannot say anything else than `--help`.
 *
 *     npx tsx scripts/man-pages.ts            brings the pages up to date
 *     npx tsx scripts/man-pages.ts --check    exits with 1 if they are not
 *
 * Invariant: no text can become a request of roff; all of it goes through `text`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMMANDS, type CommandEntry } from '../bin/command-table.js';
import {
  COMMON_LONG,
  OWNER_LONG,
  OWNER_OPTIONS,
  SCROLL_OPTION,
  SECURITY_OPTIONS,
  usageOf,
  type ClassicOption,
  type LongOption,
} from '../bin/declaration.js';
import {
  DAEMON_COMMANDS,
  DAEMON_OPTIONS,
  DAEMON_SUMMARY,
  DAEMON_USAGE,
  daemonOption,
} from '../bin/isamited-help.js';
import { version } from '../src/version.js';

const DIRECTORY = fileURLToPath(new URL('../man/', import.meta.url));

/** Text that roff sets as it is, on one line. */
export function text(plain: string): string {
  const safe = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('…', '...')
    .replaceAll('\n', ' ');
  return /^[.\s]/.test(safe) ? `\\&${safe}` : safe;
}

/** An argument of a request, which ends at a quotation mark. */
function argument(plain: string): string {
  return `"${text(plain).replaceAll('"', '\\(dq')}"`;
}

/** A paragraph with something in front that stands out. */
function item(name: string, describe: string): string[] {
  return ['.TP', `.B ${argument(name)}`, text(describe)];
}

function paragraphs(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => ['.PP', text(line)]);
}

/** Lines of a shell, as they are. */
function example(lines: readonly string[]): string[] {
  return ['.PP', '.EX', ...lines.map(text), '.EE'];
}

function classic({ name, value, describe }: ClassicOption): string[] {
  return item(`-${name}${value === 'none' ? '' : '<value>'}`, describe);
}

function long({ name, value, describe }: LongOption): string[] {
  return item(value === undefined ? `--${name}` : `--${name} <${value}>`, describe);
}

function commandPart(command: CommandEntry): string[] {
  const { summary, notes = [], examples = [] } = command;
  const own = (command.long ?? []).filter((option) => !OWNER_LONG.includes(option));
  return [
    `.SS ${argument(command.name.toUpperCase())}`,
    text(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`),
    ...example([usageOf(command, 'linux')]),
    ...(notes.length === 0 ? [] : paragraphs(notes.join(' '))),
    ...command.operands.flatMap(({ name, describe }) => item(name, describe)),
    ...(command.classic ?? []).flatMap(classic),
    ...own.flatMap(long),
    ...(examples.length === 0 ? [] : example(examples)),
  ];
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['ISAMITE_ROOT', 'root directory of the engine; ACTIANZEN_ROOT is looked at next'],
  ['XDG_DATA_HOME', 'where the root of a user is who has named none: isamite in it'],
];

const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'done with errors or findings: records refused, left out or lost; damage found'],
  ['2', 'not done: refused, in use, not there, interrupted'],
  ['3', 'wrong usage; nothing was done'],
];

function title(name: string, summary: string): string[] {
  return [
    '.\\" Written by scripts/man-pages.ts; do not edit.',
    `.TH ${argument(name.toUpperCase())} 1 "" ${argument(`Isamite ${version}`)} "User Commands"`,
    '.SH NAME',
    `${text(name)} \\- ${text(summary)}`,
  ];
}

/** The page of `butil`. */
export function butilPage(): string {
  const all = [...OWNER_OPTIONS, ...SECURITY_OPTIONS, SCROLL_OPTION];
  return page([
    ...title('butil', 'maintenance utility for Btrieve-compatible data files'),
    '.SH SYNOPSIS',
    '.B butil',
    text('-command [operand ...] [option ...]'),
    '.br',
    '.B butil',
    text('@commandFile [commandOutputFile]'),
    '.SH DESCRIPTION',
    ...paragraphs(
      'Makes, copies, saves, loads, recovers, describes, checks and rolls forward data files.',
      'The first word is the command, with a hyphen and in any case. Options are -Oname: the value is glued on and keeps its case. A word with a slash is an option only where no path can stand any more. -- ends the options.',
      'A command file holds commands as they would stand behind butil, each ended by <end> or [end].',
    ),
    '.SH COMMANDS',
    ...COMMANDS.flatMap(commandPart),
    '.SH OPTIONS OF ALL COMMANDS',
    text('Owner names belong to commands on files that may have one.'),
    ...all.flatMap(classic),
    ...[...OWNER_LONG, ...COMMON_LONG].flatMap(long),
    '.SH EXIT STATUS',
    ...EXIT_STATUS.flatMap(([name, describe]) => item(name, describe)),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, describe]) => item(name, describe)),
    ...item('NO_COLOR', 'if set, nothing is coloured'),
    '.SH SEE ALSO',
    '.BR isamited (1)',
  ]);
}

/** The page of `isamited`. */
export function daemonPage(): string {
  return page([
    ...title('isamited', DAEMON_SUMMARY),
    '.SH SYNOPSIS',
    '.B isamited',
    text(DAEMON_USAGE.slice('isamited '.length)),
    '.SH DESCRIPTION',
    ...paragraphs('Runs the engine of a root for programs that come and go, and for butil.'),
    '.SH COMMANDS',
    ...DAEMON_COMMANDS.flatMap(({ name, describe }) => item(name, describe)),
    '.SH OPTIONS',
    ...DAEMON_OPTIONS.flatMap((option) => item(daemonOption(option), option.describe)),
    '.SH EXIT STATUS',
    ...item('0', 'done'),
    ...item('1', 'status has found no engine'),
    ...item('2', 'not done'),
    ...item('3', 'wrong usage'),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, describe]) => item(name, describe)),
    '.SH SEE ALSO',
    '.BR butil (1)',
  ]);
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** File names in `man`, and what should be in them. */
export function manPages(): ReadonlyMap<string, string> {
  return new Map([
    ['butil.1', butilPage()],
    ['isamited.1', daemonPage()],
  ]);
}

export function readPage(name: string): string {
  return readFileSync(DIRECTORY + name, 'utf8');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [name, content] of manPages()) {
    if (!process.argv.includes('--check')) writeFileSync(DIRECTORY + name, content);
    else if (readPage(name) !== content) {
      console.error(`man/${name} is not up to date: npx tsx scripts/man-pages.ts`);
      process.exitCode = 1;
    }
  }
}
