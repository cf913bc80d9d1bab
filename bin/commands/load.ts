/** `butil -load`: the records of an unformatted file into a data file. */
import { resolve } from 'node:path';
import { loadRecords } from '../../src/index.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { insertion, partly } from './partly.js';
import { describeRefused } from './refusals.js';

export async function command(session: Session): Promise<Outcome> {
  const [input, output] = [session.operand(0), session.operand(1)];
  const owner = await session.owner(0, output);
  const { dryRun } = session;
  const tally = { read: 0, inserted: 0 };
  return partly(session, tally, async () => {
    const args = { input: resolve(input), output: resolve(output), owner, dryRun };
    const { read, loaded, refused, hasEndMarker } = await insertion(
      session,
      tally,
      [output],
      { name: 'loadRecords', args, label: 'Loading' },
      (client) => loadRecords(client, input, output, { owner, dryRun, tally }),
    );
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
