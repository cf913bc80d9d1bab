/** `butil -sindex`, `-drop` and `-index`: indexes in a file and beside it. */
import { resolve } from 'node:path';
import {
  addIndex as addIndexTo,
  makeExternalIndex,
  removeIndex,
  type AddedIndex,
  SYSTEM_INDEX,
} from '../../src/index.js';
import { keyDescription, portable } from '../description.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { isThere } from '../text-files.js';

const KEY_NUMBER_MAX = 118;
/** Added to a key number in DROP: the keys above keep their numbers. */
const KEEPS_NUMBERS = 128;

function isSystemKey(word: string): boolean {
  return word.toUpperCase() === 'SYSKEY';
}

export async function addIndex(session: Session): Promise<Outcome> {
  const [file, what, number] = [session.operand(0), session.operand(1), session.optional(2)];
  if (isSystemKey(what) && number !== undefined) {
    throw session.wrong('the key of system data has no number to be given');
  }
  const given =
    number === undefined ? undefined : session.number(number, 'keyNumber', 0, KEY_NUMBER_MAX);
  const key = isSystemKey(what) ? SYSTEM_INDEX : keyDescription(what, 'sindex');
  const keyNumber = given ?? (key === SYSTEM_INDEX ? undefined : key.keyNumber);
  const owner = await session.owner(0, file);
  const label = 'Indexing';
  const progress = session.progress(label, 'records');
  const { dryRun } = session;
  try {
    const options = { owner, dryRun, ...(keyNumber === undefined ? {} : { keyNumber }) };
    const described = key === SYSTEM_INDEX ? {} : portable(what, 'sindex');
    const args = { ...options, ...described, file: resolve(file) };
    const added = await session.once<AddedIndex>(
      [file],
      'addIndex',
      args,
      (client) => addIndexTo(client, file, key, { ...options, onProgress: progress.tell }),
      label,
    );
    const name = key === SYSTEM_INDEX ? 'the system key' : `key ${added.number}`;
    const text = dryRun
      ? `The index of ${name} would be made; nothing was changed.`
      : `The index of ${name} was made.\nTotal number of records indexed = ${added.entries}`;
    return done(text, { file, dryRun, key: added.number, indexed: added.entries });
  } finally {
    progress.end();
  }
}

export async function drop(session: Session): Promise<Outcome> {
  const [file, what] = [session.operand(0), session.operand(1)];
  const number = isSystemKey(what) ? undefined : dropNumber(session, what);
  const owner = await session.owner(0, file);
  const { dryRun } = session;
  const keepsNumbers = number !== undefined && number >= KEEPS_NUMBERS;
  const key = number === undefined ? SYSTEM_INDEX : number % KEEPS_NUMBERS;
  const options = { owner, dryRun, keepsNumbers };
  const args = { ...options, file: resolve(file), ...(key !== SYSTEM_INDEX && { key }) };
  await session.once([file], 'removeIndex', args, (client) =>
    removeIndex(client, file, key, options),
  );
  const name = key === SYSTEM_INDEX ? 'the system key' : `key ${key}`;
  const text = dryRun
    ? `The index of ${name} would be dropped; nothing was changed.`
    : `The index of ${name} was dropped.`;
  return done(text, { file, dryRun, key: number === undefined ? 'SYSKEY' : key, keepsNumbers });
}

function dropNumber(session: Session, word: string): number {
  const number = session.number(word, 'keyNumber', 0, KEEPS_NUMBERS + KEY_NUMBER_MAX);
  if (number <= KEY_NUMBER_MAX || number >= KEEPS_NUMBERS) return number;
  throw session.wrong(`keyNumber must be 0 to ${KEY_NUMBER_MAX}, or 128 more, and not ${number}`);
}

export async function externalIndex(session: Session): Promise<Outcome> {
  const [source, output, descriptionFile] = [0, 1, 2].map((index) => session.operand(index));
  const [from, to] = [source ?? '', output ?? ''];
  const description = keyDescription(descriptionFile ?? '', 'index');
  const owner = await session.owner(0, from);
  const replace =
    isThere(to) && (await session.mayReplace(`${to} is there already. Replace it?`, false));
  const { dryRun } = session;
  const options = { owner, dryRun, replace };
  const described = portable(descriptionFile ?? '', 'index');
  const args = { ...options, ...described, source: resolve(from), output: resolve(to) };
  const { indexed, keyLength } = await session.work(
    [from, to],
    'makeExternalIndex',
    args,
    'Indexing',
    (client) => makeExternalIndex(client, from, to, description, options),
  );
  const would = dryRun ? ' that would be' : '';
  return done(`Total number of records${would} indexed = ${indexed}`, {
    source: from,
    indexFile: to,
    dryRun,
    indexed,
    keyLength,
  });
}
