/** `butil -startbu`, `-endbu` and `-contops`: continuous operation. */
import type { ContinuousFile, EndedFile } from '../../src/index.js';
import { filesNamed } from '../file-list.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

/** Who has put a file in that this program has. */
const BY = 'butil';
const ALL = '/A';

export async function start(session: Session): Promise<Outcome> {
  const paths = filesNamed(session, session.operand(0));
  const owner = await session.owner(0, paths[0] ?? '');
  const engine = await session.engine();
  const files = engine.startContinuous(paths, { by: BY, owner });
  const notice = 'With many files, starting continuous operation may take several minutes.';
  const text = [
    message(MESSAGE.MAY_TAKE_LONG, notice),
    `${counted(files.length, 'file')} in continuous operation; changes go to:`,
    ...files.map(({ delta }) => `  ${delta}`),
  ];
  return done(text.join('\n'), { files });
}

export async function end(session: Session): Promise<Outcome> {
  const operand = session.optional(0);
  const isAll = operand === ALL || session.isSet('A') || session.isSet('all');
  if (isAll && operand !== undefined && operand !== ALL) {
    throw session.wrong('a file is named, or all of them are meant');
  }
  if (!isAll && operand === undefined)
    throw session.wrong('a file is needed, a list, or -A for all');
  const isDiscarded = session.isSet('discard');
  if (isDiscarded && !session.isSet('yes')) return notConfirmed();
  const which = isAll ? 'all' : filesNamed(session, operand ?? '');
  const owner = await session.owner(0, operand ?? '');
  const engine = await session.engine();
  const by = isAll && !session.isSet('all') ? { by: BY } : {};
  const step = engine.endingContinuous(which, { ...by, owner, discard: isDiscarded });
  const files = await session.follow('Rolling in', step);
  return done(describeEnd(files), { files });
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
  const engine = await session.engine();
  const files = engine.continuous();
  if (files.length === 0) return done('No file is in continuous operation.', { files });
  return done(files.map(describe).join('\n'), { files });
}

function describe({ file, since, by, state, deltaBytes, growthBytes }: ContinuousFile): string {
  const grown = growthBytes === undefined ? '' : `, grown by ${grouped(growthBytes)} bytes`;
  const more = state === 'active' ? '' : `, ${STATES[state]}`;
  return `${file}  since ${since}, by ${by}, delta ${grouped(deltaBytes)} bytes${grown}${more}`;
}

const STATES: Readonly<Record<ContinuousFile['state'], string>> = {
  active: '',
  ending: 'being taken out',
  missing: 'its delta is missing',
  replaced: 'another file is in its place',
};
