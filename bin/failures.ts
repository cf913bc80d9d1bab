/** What went wrong, as an outcome: numbered messages for people, status and reason for programs. */
import type { BtrieveError } from '../src/index.js';
import { ADVICE_ON_ORIGINAL, adviceOnReadError } from './advice.js';
import { RootInUse } from './engine-for-command.js';
import type { Holder } from './holder.js';
import { MESSAGE, message, type MessageNumber } from './messages.js';
import { EXIT, type Outcome } from './outcome.js';
import { Interrupted } from './progress.js';
import { NoOwnerName } from './session.js';
import { DescriptionFileError, TextFileError } from './text-files.js';

/** The outcome of a failure that a command, by its name, may have; undefined for a bug. */
export async function outcomeOf(
  error: unknown,
  isVerbose: boolean,
  command: string,
): Promise<Outcome | undefined> {
  if (error instanceof TextFileError) {
    return notDone('file', 0, [message(MESSAGE.SYSTEM, sentence(error.message))], {
      file: error.path,
    });
  }
  if (error instanceof NoOwnerName) {
    return notDone('no-owner-name', 51, [message(MESSAGE.NO_OWNER_NAME, sentence(error.message))]);
  }
  if (error instanceof Interrupted) {
    return notDone('interrupted', 0, [message(MESSAGE.INTERRUPTED, sentence(error.message))]);
  }
  if (error instanceof RootInUse) return rootInUse(error);
  if (error instanceof DescriptionFileError) return inDescription(error);
  return fromEngine(error, isVerbose, command);
}

function notDone(
  reason: string,
  status: number,
  lines: readonly string[],
  result: Readonly<Record<string, unknown>> = {},
): Outcome {
  const text = lines.join('\n');
  return { exitCode: EXIT.NOT_DONE, reason, status, result: { message: text, ...result }, text };
}

async function rootInUse({ choice }: RootInUse): Promise<Outcome> {
  const { statusText } = await import('../src/index.js');
  const { holderOfRoot } = await import('./holder.js');
  const { pid } = holderOfRoot(choice.root);
  const who = pid === undefined ? 'Another process' : `Process ${pid}`;
  const other =
    choice.source === '--root' ? 'Give another one' : 'Give one of your own by --root directory';
  return notDone(
    'root-held',
    85,
    [
      message(MESSAGE.ENGINE, `MKDE error = 85. ${statusText(85)}`),
      message(MESSAGE.ROOT_IN_USE, `${who} has the engine root ${choice.root}`),
      `(from ${choice.source}). ${other}, or end that process.`,
    ],
    { root: choice.root, source: choice.source, pid },
  );
}

async function fromEngine(
  error: unknown,
  isVerbose: boolean,
  command: string,
): Promise<Outcome | undefined> {
  const { BtrieveError, UnformattedError } = await import('../src/index.js');
  if (error instanceof BtrieveError) return engineOutcome(error, isVerbose, command);
  if (!(error instanceof UnformattedError)) return undefined;
  const { file, record, offset, expected, found } = error;
  const lines = [
    message(MESSAGE.UNFORMATTED, `${error.message}.`),
    message(MESSAGE.FILE, `The file that caused the error is ${file}.`),
  ];
  return notDone('unformatted', 0, lines, { file, record, offset, expected, found });
}

async function inDescription({ path: file, found }: DescriptionFileError): Promise<Outcome> {
  const { problemText } = await import('../src/index.js');
  const { problems } = found;
  const lines = problems.map((problem) => `  ${problemText(problem)}`);
  const status = problems[0]?.status ?? 0;
  const number = descriptionMessage(found.cause, problems);
  const text = DESCRIPTION_TEXTS[number] ?? `The description file ${file} cannot be used.`;
  return notDone('description', status, [message(number, text), ...lines], { file, problems });
}

const DESCRIPTION_TEXTS: Readonly<Record<number, string>> = {
  [MESSAGE.NO_ACS_FILE]: 'The file of the alternate collating sequence cannot be opened.',
  [MESSAGE.WRONG_ACS_FILE]: 'The file of the alternate collating sequence has the wrong format.',
};

function descriptionMessage(
  cause: unknown,
  problems: readonly { readonly element: string; readonly status?: number }[],
): MessageNumber {
  if (cause instanceof TextFileError) return MESSAGE.NO_ACS_FILE;
  const isSequence = problems.some(({ element, status }) => element === 'name' && status === 48);
  return isSequence ? MESSAGE.WRONG_ACS_FILE : MESSAGE.DESCRIPTION;
}

/** Stable words where the engine has none of its own. */
const REASONS: Readonly<Record<number, string>> = {
  5: 'duplicate',
  6: 'no-key',
  11: 'path',
  12: 'not-found',
  18: 'disk-full',
  30: 'not-a-data-file',
  46: 'access',
  50: 'owner-already-set',
  51: 'owner-name',
  59: 'exists',
  85: 'in-use',
  88: 'open-mode',
  94: 'permission',
};

/** What the engine calls a file while it is being made. */
const UNFINISHED = /\.isamite-(?:made|rebuild)$/;

/** What a call of the system has answered, at the end of a message or before what to do about it. */
const SYSTEM_WORDS = /: \w+ (E[A-Z]+)(?=$|: )/;
const IS_MADE = /cannot be (?:created|made)/;

/** The system's own words are for those who ask; where its answer says more than the status, it is told in ours. */
function withoutSystemWords(text: string): string {
  return text.replace(SYSTEM_WORDS, (_, code: string) => {
    // What is to be made need not be there, but its directory must.
    if (code === 'ENOENT') return IS_MADE.test(text) ? ': there is no such directory' : '';
    return code === 'EISDIR' || code === 'ENOTDIR' ? `: ${SYSTEM_CODES[code]}` : '';
  });
}

const SYSTEM_CODES = {
  EISDIR: 'this is a directory',
  ENOTDIR: 'a part of the path is no directory',
} as const;

/** A status of the engine, with its text and what else is known. */
async function engineOutcome(
  error: BtrieveError,
  isVerbose: boolean,
  command: string,
): Promise<Outcome> {
  const { statusText } = await import('../src/index.js');
  const { status, key, expected, found } = error;
  const file = error.file?.replace(UNFINISHED, '');
  // Status 6 is also that of a number that is taken, of which its own text would say the opposite.
  const isTaken = status === 6 && error.reason === 'key-number';
  const about = isTaken ? 'The key number cannot be used.' : statusText(status);
  const lines = [message(MESSAGE.ENGINE, `MKDE error = ${status}. ${about}`)];
  if (file !== undefined) {
    lines.push(message(MESSAGE.FILE, `The file that caused the error is ${file}.`));
  }
  const plain = plainMessage(error);
  lines.push(sentence(isVerbose ? plain : withoutSystemWords(plain)));
  if (expected !== undefined || found !== undefined) lines.push(difference(expected, found));
  const holder = await holderOf(error);
  if (holder !== undefined) lines.push(holder.text);
  const advice = await adviceOn(error, file, command);
  if (advice !== undefined) lines.push(advice);
  if (isVerbose) lines.push('', error.stack ?? '');
  const details = Object.entries({ file, key, expected, found, advice, holder: holder?.holder });
  const known = Object.fromEntries(details.filter(([, value]) => value !== undefined));
  return notDone(reasonOf(error), status, lines, known);
}

/** What may be done about it; undefined where nothing is known that the message has not said. */
async function adviceOn(
  { status, message: said }: BtrieveError,
  file: string | undefined,
  command: string,
): Promise<string | undefined> {
  if (status === 2) return adviceOnReadError(command, file, said);
  if (file === undefined || status !== 30 || !said.includes('data file of this engine'))
    return undefined;
  const { isOriginalFile } = await import('../src/index.js');
  return isOriginalFile(file) ? ADVICE_ON_ORIGINAL : undefined;
}

/** What was expected and what is there; that nothing is there is said by the message. */
function difference(expected: string | undefined, found: string | undefined): string {
  if (expected === undefined) return `Found: ${found ?? ''}.`;
  return `Expected: ${expected}${found === undefined ? '' : `; found: ${found}`}.`;
}

/** What 85 is said of besides files that are open. */
const NOT_OPEN = ['same-file', 'made-twice'];

/** Who has a file that is open elsewhere, or in the engine that was to do it, if that is known. */
async function holderOf({
  file = '',
  status,
  reason = '',
}: BtrieveError): Promise<{ holder: Holder; text: string } | undefined> {
  const isLocked = reason === 'locked';
  const isOpen = (status === 85 || status === 88) && !NOT_OPEN.includes(reason);
  if (file === '' || (!isLocked && !isOpen)) return undefined;
  const { holderOfFile, holderText } = await import('./holder.js');
  const holder = holderOfFile(file);
  if (holder === undefined || (!isLocked && holder.pid === undefined)) return undefined;
  return { holder, text: holderText(holder) };
}

function reasonOf({ reason, status }: BtrieveError): string {
  // The names of the system's errors are no words for programs: they differ.
  const own = reason === undefined || /^E[A-Z]/.test(reason) ? undefined : reason;
  return own ?? REASONS[status] ?? 'failed';
}

/** The message of an error without what its class has added. */
function plainMessage({ message: text, status }: BtrieveError): string {
  const end = text.indexOf(` (status ${status}, `);
  return end < 0 ? text : text.slice(0, end);
}

function sentence(text: string): string {
  const begin = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(begin) ? begin : `${begin}.`;
}
