/** `butil -copy`: the records of a file into another one. */
import { resolve } from 'node:path';
import { copyRecords } from '../../src/index.js';
import { EXIT, ofSource, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { insertion, partly } from './partly.js';
import { describeRefused } from './refusals.js';

export async function command(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.operand(1)];
  const owner = await session.owner(0, source);
  const outputOwner = await session.owner(1, output);
  const { dryRun } = session;
  const tally = { read: 0, inserted: 0 };
  return partly(session, tally, async () => {
    const options = { owner, outputOwner, dryRun };
    const args = { ...options, source: resolve(source), output: resolve(output) };
    const { read, inserted, refused, notes, isUnfinished } = await insertion(
      session,
      tally,
      [source, output],
      { name: 'copyRecords', args, label: 'Copying' },
      (client) => copyRecords(client, source, output, { ...options, tally }),
    );
    const would = dryRun ? ' that would be' : '';
    return ofSource(
      {
        exitCode: refused.count === 0 ? EXIT.DONE : EXIT.FINDINGS,
        reason: refused.count === 0 ? 'done' : 'refused-records',
        result: { source, output, dryRun, read, inserted, refused },
        text: [
          ...describeRefused(refused, output),
          `Total number of records${would} inserted = ${inserted}`,
        ].join('\n'),
        warnings: notes,
      },
      isUnfinished,
    );
  });
}
