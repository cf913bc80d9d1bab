/** `butil -undo`: one transaction is undone by the archival logs of its files. */
import { resolve } from 'node:path';
import { undo, type UndoResult } from '../../src/index.js';
import { counted } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import { ownerNames } from '../owner-names.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const paths = session.rest(0);
  const tx = session.value('tx');
  if (tx === undefined || !/^[1-9]\d{0,15}$/.test(tx)) {
    throw session.wrong('--tx must be given: the number of a transaction, as READLOG shows it');
  }
  const owners = await ownerNames(session);
  const log = session.value('log');
  const options = {
    ...{ owners, force: session.isSet('force') },
    ...(log === undefined ? {} : { log: resolve(log) }),
  };
  const files = paths.map((path) => resolve(path));
  const take = async (dryRun: boolean): Promise<UndoResult> => {
    const args = { files, tx, ...options, dryRun };
    const answer = await session.byRunning<UndoResult>(files, 'undo', args);
    if (answer !== undefined) return answer;
    const client = await session.client();
    return undo(await session.engine(), client, files, tx, { ...options, dryRun });
  };
  const plan = await take(true);
  const text = described(plan);
  if (session.dryRun) return done(`${text}\nNothing was changed.`, { ...plan, undone: false });
  if (!(await session.mayReplace(`${text}\nUndo that?`, false))) {
    const result = { ...plan, undone: false };
    const more = 'Nothing was changed; --yes undoes it.';
    return { exitCode: EXIT.NOT_DONE, reason: 'not-confirmed', result, text: `${text}\n${more}` };
  }
  const result = await take(false);
  return done(`${described(result)}\nIt was undone.`, { ...result, undone: true });
}

function since({ isConflict, isGone }: UndoResult['changes'][number]): string {
  if (isGone) return ' (removed since, and left so)';
  return isConflict ? ' (changed since)' : '';
}

function described({ tx, time, client, changes, conflicts, participants }: UndoResult): string {
  return [
    `Transaction ${tx} of ${client}, ${time}, ${counted(changes.length, 'change')} to be taken back:`,
    ...changes.map(
      (change) =>
        `  ${change.file}: ${change.operation} of the record at ${change.address}${since(change)}`,
    ),
    ...(conflicts > 0
      ? [`${counted(conflicts, 'change')} of records that were changed since.`]
      : []),
    ...participants.map(({ file }) => `It has changed ${file} as well.`),
  ].join('\n');
}
