/** `butil -setowner` and `butil -clrowner`: the owner name of a file. */
import { resolve } from 'node:path';
import { clearOwnerName, setOwnerName } from '../../src/index.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const LEVEL_MAX = 3;
const LEVELS = [
  'Without the owner name there is no access.',
  'Without the owner name the file may be read.',
  'Without the owner name there is no access, and the file is encrypted.',
  'Engines of this root may read the file without the owner name, and it is encrypted.',
];

export async function setOwner(session: Session): Promise<Outcome> {
  const file = session.operand(0);
  const third = session.optional(2);
  const isNamed = session.hasOwner(0);
  if (third !== undefined && isNamed) throw session.wrong(`${third} is too much`);
  if (third === undefined && !isNamed) throw session.wrong('the owner name is missing (-O<owner>)');
  const level = session.number(third ?? session.operand(1), 'level', 0, LEVEL_MAX);
  const owner = third === undefined ? await session.newOwner(0, file) : session.operand(1);
  const isLong = session.isSet('L');
  const { dryRun } = session;
  const options = { owner, level, isLong, dryRun };
  await session.once([file], 'setOwnerName', { ...options, file: resolve(file) }, (client) =>
    setOwnerName(client, file, options),
  );
  const text = dryRun ? 'The owner name would be set; nothing was changed.' : LEVELS[level];
  return done(text ?? '', { file, level, isLong, dryRun });
}

export async function clearOwner(session: Session): Promise<Outcome> {
  const file = session.operand(0);
  if (!session.hasOwner(0)) throw session.wrong('the owner name is missing (-O<owner>)');
  const owner = await session.owner(0, file);
  const { dryRun } = session;
  const args = { file: resolve(file), owner, dryRun };
  const had = await session.once<boolean>([file], 'clearOwnerName', args, (client) =>
    clearOwnerName(client, file, { owner, dryRun }),
  );
  const text = dryRun ? 'The owner name would be cleared; nothing was changed.' : '';
  return done(had ? text : `${file} has no owner name.`, { file, dryRun, had });
}
