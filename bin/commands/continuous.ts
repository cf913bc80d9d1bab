/** `butil -startbu`, `-endbu` and `-contops`: continuous operation. */
import { resolve } from 'node:path';
import type { ContinuousFile, EndContinuousOptions, EndedFile } from '../../src/index.js';
import { listedFiles } from '../list-file.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

/** Who has put a file in that this program has. */
const BY = 'butil';
const ALL = '/A';

export async function start(session: Session): Promise<Outcome> {
  const paths = listedFiles(session.operand(0));
  const owner = await session.owner(0, paths[0] ?? '');
  const options = { by: BY, owner };
  const places = paths.map((path) => resolve(path));
  const files =
    (await session.byRunning<ContinuousFile[]>(paths, 'startContinuous', {
      ...{ files: places, ...options },
    })) ?? (await session.engine()).startContinuous(paths, options);
  const notice = 'With many files, starting continuous operation may take several minutes.';
  const text = [
    message(MESSAGE.MAY_TAKE_LONG, notice),
    `${counted(files.length, 'file')} in continuous operation; changes go to:`,
    ...files.map(({ delta }) => `  ${delta}`),
  ];
  return done(text.join('\n'), { files });
}

export async function end(session: Session): Promise<Outcome> {
  const which = whichOf(session);
  const isDiscarded = session.isSet('discard');
  if (isDiscarded && !session.isSet('yes')) return notConfirmed();
  const owner = await session.owner(0, which === 'all' ? '' : (which[0] ?? ''));
  const by = which === 'all' && !session.isSet('all') ? { by: BY } : {};
  const options = { ...by, owner, discard: isDiscarded };
  if (session.isSet('nowait')) return endLater(session, which, options);
  const files = await endFiles(session, which, options);
  return done(describeEnd(files), { files });
}

/** The files that are meant, absolute. Throws `UsageError`. */
function whichOf(session: Session): readonly string[] | 'all' {
  const operand = session.optional(0);
  const isAll = operand === ALL || session.isSet('A') || session.isSet('all');
  if (isAll && operand !== undefined && operand !== ALL) {
    throw session.wrong('give a file or a list, or -A for all, and not both');
  }
  if (!isAll && operand === undefined) throw session.wrong('give a file, a list, or -A for all');
  return isAll ? 'all' : listedFiles(operand ?? '').map((path) => resolve(path));
}

/** Begins it, where an engine goes on running that can end it. */
async function endLater(
  session: Session,
  which: readonly string[] | 'all',
  options: EndContinuousOptions,
): Promise<Outcome> {
  const paths = which === 'all' ? [] : which;
  const args = { files: which, ...options, nowait: true };
  const begun = await session.byRunning<unknown>(paths, 'endContinuous', args);
  if (begun !== undefined) {
    const text = 'They are being taken out; butil -contops shows how far that is.';
    return done(text, { files: [], isGoingOn: true });
  }
  const note = 'No engine goes on running after this command, so it has waited for the end.';
  const files = await endFiles(session, which, options);
  return done(describeEnd(files), { files, isGoingOn: false }, [note]);
}

async function endFiles(
  session: Session,
  which: readonly string[] | 'all',
  options: EndContinuousOptions,
): Promise<readonly EndedFile[]> {
  const args = { files: which, ...options };
  const paths = which === 'all' ? [] : which;
  const ended = await session.byRunning<EndedFile[]>(paths, 'endContinuous', args, 'Rolling in');
  if (ended !== undefined) return ended;
  const engine = await session.engine();
  return session.follow('Rolling in', engine.endingContinuous(which, options));
}

function notConfirmed(): Outcome {
  const text =
    'Nothing was changed; --discard --yes gives up all changes since the start, for good.';
  return { exitCode: EXIT.NOT_DONE, reason: 'not-confirmed', result: {}, text };
}

function describeEnd(files: readonly EndedFile[]): string {
  if (files.length === 0) return 'No file was in continuous operation.';
  const words = { 'rolled-in': 'its delta was rolled in', discarded: 'its changes were given up' };
  return files
    .map(
      ({ file, outcome, deltaBytes }) =>
        `${file}: ${words[outcome]} (${grouped(deltaBytes)} bytes)`,
    )
    .join('\n');
}

export async function list(session: Session): Promise<Outcome> {
  const files =
    (await session.byRunning<ContinuousFile[]>([], 'continuous', {})) ??
    (await session.engine()).continuous();
  if (files.length === 0) return done('No file is in continuous operation.', { files });
  return done(files.map(describe).join('\n'), { files });
}

function describe(each: ContinuousFile): string {
  const { file, since, by, state, ending, failure } = each;
  const { deltaBytes, deltaPages, growthBytes, grownPages = 0 } = each;
  const size = `delta ${grouped(deltaBytes)} bytes (${counted(deltaPages, 'page')})`;
  const grown =
    growthBytes === undefined
      ? ''
      : `, grown by ${grouped(growthBytes)} bytes (${counted(grownPages, 'page')})`;
  const more = state === 'active' ? '' : `, ${STATES[state]}${describeEnding(ending)}`;
  const failed = failure === undefined ? '' : `\n  could not be taken out: ${failure}`;
  return `${file}  since ${since}, by ${by}, ${size}${grown}${more}${failed}`;
}

/** For instance `: 45 %, 120 MB/s`. */
function describeEnding(ending: ContinuousFile['ending']): string {
  if (ending === undefined) return '';
  const { done: pages, total, bytesPerSecond } = ending;
  const percent = total === 0 ? 100 : Math.min(100, Math.floor((pages / total) * 100));
  return `: ${percent} %, ${grouped(bytesPerSecond / 1e6)} MB/s`;
}

const REMEDY =
  'put it back, or give up what has changed since: butil -endbu <file> --discard --yes';

const STATES: Readonly<Record<ContinuousFile['state'], string>> = {
  active: '',
  ending: 'being taken out',
  missing: `its delta is missing: ${REMEDY}`,
  damaged: `its delta is damaged: ${REMEDY}`,
  replaced: 'another file is in its place',
};
