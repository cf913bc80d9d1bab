/** `butil -copy`: the records of a file into another one. */
import { copyRecords } from '../../src/index.js';
import { EXIT, ofSource, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { partly } from './partly.js';
import { describeRefused } from './refusals.js';

export async function command(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.operand(1)];
  const owner = await session.owner(0, source);
  const outputOwner = await session.owner(1, output);
  const client = await session.client();
  const { dryRun } = session;
  const tally = { read: 0, inserted: 0 };
  return partly(session, tally, async () => {
    const options = { owner, outputOwner, dryRun, tally };
    const task = copyRecords(client, source, output, options);
    const { read, inserted, refused, notes, isUnfinished } = await session.follow('Copying', task);
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
