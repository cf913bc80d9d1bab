/** `butil -load`: the records of an unformatted file into a data file. */
import { loadRecords } from '../../src/index.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { partly } from './partly.js';
import { describeRefused } from './refusals.js';

export async function command(session: Session): Promise<Outcome> {
  const [input, output] = [session.operand(0), session.operand(1)];
  const owner = await session.owner(0, output);
  const client = await session.client();
  const { dryRun } = session;
  const tally = { read: 0, inserted: 0 };
  return partly(session, tally, async () => {
    const task = loadRecords(client, input, output, { owner, dryRun, tally });
    const { read, loaded, refused, hasEndMarker } = await session.follow('Loading', task);
    const isWhole = refused.count === 0;
    const would = dryRun ? ' that would be' : '';
    return {
      exitCode: isWhole ? EXIT.DONE : EXIT.FINDINGS,
      reason: isWhole ? 'done' : 'refused-records',
      result: { input, output, dryRun, read, loaded, refused, hasEndMarker },
      text: [
        ...describeRefused(refused, output),
        `Total number of records${would} loaded = ${loaded}`,
      ].join('\n'),
      warnings: hasEndMarker
        ? []
        : [`${input} has no end marker (1A hexadecimal): it may have been cut short.`],
    };
  });
}
