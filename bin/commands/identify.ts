/** `butil -identify`: what each of some files is, and whether it is sound. */
import {
  BtrieveError,
  findFiles,
  identifyFile,
  type FileIdentity,
  type FoundFile,
} from '../../src/index.js';
import { counted } from '../messages.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

/** A file that could not even be looked at. */
interface Unseen {
  readonly path: string;
  readonly status: number;
  readonly message: string;
}

type Answer = FileIdentity | Unseen;

interface Options {
  readonly owners: readonly string[];
  /** Only what opening shows. */
  readonly quick: boolean;
}

const NOTES_SHOWN = 10;
const WRONG_OWNER = 51;

export async function command(session: Session): Promise<Outcome> {
  const places = session.rest(0);
  const owners = await session.owners(places.length === 1 ? (places[0] ?? '') : 'the files');
  const found = places.flatMap((place) => findFiles(place));
  const quick = session.isSet('quick');
  const answers: Answer[] = [];
  await session.follow('Identifying', look(found, { owners, quick }, answers));
  const isAllSound = answers.every(isSound);
  const text = [...answers.flatMap(describe), '', summary(answers)];
  return {
    exitCode: isAllSound ? EXIT.DONE : EXIT.FINDINGS,
    reason: isAllSound ? 'done' : 'findings',
    result: { files: answers },
    text: text.join('\n'),
  };
}

function* look(
  found: readonly FoundFile[],
  options: Options,
  answers: Answer[],
): Generator<{ done: number; total: number; unit: string }, void, void> {
  for (const [done, { path, failure }] of found.entries()) {
    yield { done, total: found.length, unit: 'files' };
    answers.push(failure === undefined ? identityOf(path, options) : unseen(path, failure));
  }
}

function identityOf(path: string, { owners, quick }: Options): Answer {
  try {
    let wrong: FileIdentity | undefined;
    for (const owner of owners) {
      const identity = identifyFile(path, { owner, quick });
      if (identity.refusal?.status !== WRONG_OWNER) return identity;
      wrong ??= identity;
    }
    // The names of others may be wrong for a file that can be read without any.
    const identity = identifyFile(path, { quick });
    const { protection } = identity;
    if (wrong === undefined || protection === undefined) return identity;
    if (identity.refusal?.status === WRONG_OWNER) return wrong;
    return { ...identity, protection: { ...protection, ownerIsRight: false } };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return unseen(path, error);
  }
}

function unseen(path: string, { status, message }: BtrieveError): Unseen {
  return { path, status, message: message.split(` (status ${status}, `)[0] ?? message };
}

/** Whether there is nothing to complain of; what is no Btrieve file is none of our business. */
function isSound(answer: Answer): boolean {
  if (!('kind' in answer)) return false;
  if (answer.kind !== 'btrieve') return true;
  return answer.isReadable && (answer.findingCount ?? 0) === 0;
}

/** Whether it would be read with the owner name of the file, which is no damage. */
function isLocked(answer: Answer): boolean {
  return 'kind' in answer && answer.refusal?.status === WRONG_OWNER;
}

function describe(answer: Answer): string[] {
  if (!('kind' in answer)) return [`${answer.path}: cannot be looked at: ${answer.message}`];
  if (answer.kind === 'other') return [`${answer.path}: no Btrieve file`];
  if (answer.kind === 'isamite') return [`${answer.path}: a file of this engine (see -check)`];
  if (answer.suspectedFormat !== undefined)
    return [
      `${answer.path}: perhaps Btrieve ${answer.suspectedFormat}, header damaged; cannot be read as it is`,
    ];
  const isWrong = answer.isReadable && answer.protection?.ownerIsRight === false;
  const notes = [
    ...(isWrong
      ? ['the owner name given is not that of the file, which can be read without it']
      : []),
    ...(answer.refusal === undefined ? [] : [reasonOf(answer.refusal)]),
    ...answer.warnings.map(({ message }) => message),
    ...(answer.findings ?? []).map(({ message }) => message),
  ];
  const more = notes.length - NOTES_SHOWN;
  return [
    `${answer.path}: ${facts(answer)}; ${verdict(answer)}`,
    ...notes.slice(0, NOTES_SHOWN).map((note) => `  ${note}`),
    ...(more > 0 ? [`  … and ${counted(more, 'more note')}; --json lists up to 100`] : []),
  ];
}

/** Why a file is not read, without what errors add to their messages. */
function reasonOf({ message, status }: NonNullable<FileIdentity['refusal']>): string {
  return message.split(` (status ${status}, `)[0] ?? message;
}

function facts(identity: FileIdentity): string {
  const { format, pageSize, recordLength, records, keys, protection, pieces } = identity;
  const kinds = [
    ...(identity.isVariable === true ? ['variable'] : []),
    ...(identity.isCompressed === true ? ['compressed'] : []),
    ...(identity.isKeyOnly === true ? ['key-only'] : []),
    ...(identity.hasSystemData === true ? ['system data'] : []),
    ...(protection?.hasOwner === true ? ['owner name'] : []),
    ...(protection?.isEncrypted === true ? ['encrypted'] : []),
    ...(pieces > 1 ? [`${pieces} pieces`] : []),
  ];
  const known = [
    `Btrieve ${format ?? 'of unknown format'}`,
    ...(pageSize === undefined ? [] : [`pages of ${pageSize}`]),
    ...(recordLength === undefined
      ? []
      : [`${counted(records ?? 0, 'record')} of ${recordLength}`]),
    ...(keys === undefined ? [] : [counted(keys, 'key')]),
    ...kinds,
  ];
  return known.join(', ');
}

function verdict(identity: FileIdentity): string {
  const { isReadable, isUnclean, certainty, findingCount, protection } = identity;
  if (isLocked(identity))
    return protection?.ownerIsRight === false
      ? 'cannot be read: the owner name given is wrong'
      : 'cannot be read without its owner name';
  if (!isReadable) return 'cannot be read as it is';
  const sure = certainty === 'claimed' ? ' (format known from hearsay)' : '';
  const state = isUnclean === true ? 'not closed properly' : 'closed';
  if (findingCount === undefined) return `${state}, not looked through${sure}`;
  if (findingCount === 0) return `${state}, sound${sure}`;
  return `${state}, ${counted(findingCount, 'finding')}${sure}`;
}

function summary(answers: readonly Answer[]): string {
  const locked = answers.filter(isLocked).length;
  const damaged = answers.filter((answer) => !isSound(answer)).length - locked;
  const count = (kind: FileIdentity['kind']): number =>
    answers.filter((answer) => 'kind' in answer && answer.kind === kind).length;
  return [
    counted(answers.length, 'file'),
    `${count('btrieve')} Btrieve`,
    `${count('isamite')} of this engine`,
    `${count('other')} others`,
    `${damaged} with findings`,
    ...(locked === 0 ? [] : [`${locked} locked by an owner name`]),
  ].join(', ');
}
