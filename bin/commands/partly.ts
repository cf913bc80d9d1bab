/** A command that inserts records and ends early: what it has inserted by then is there to stay. */
import type { InsertionTally } from '../../src/index.js';
import { outcomeOf } from '../failures.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import type { Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function partly(
  session: Session,
  tally: InsertionTally,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    const outcome =
      tally.inserted === 0 ? undefined : await outcomeOf(error, session.isVerbose, session.command);
    if (outcome === undefined || session.dryRun) throw error;
    const { inserted, read } = tally;
    const [were, stay] = inserted === 1 ? ['was', 'stays'] : ['were', 'stay'];
    const text = `${grouped(inserted)} of the first ${counted(read, 'record')} ${were} inserted before that, and ${stay}.`;
    return {
      ...outcome,
      result: { ...(outcome.result as object), read, inserted },
      text: `${outcome.text}\n${message(MESSAGE.PARTLY, text)}`,
    };
  }
}
