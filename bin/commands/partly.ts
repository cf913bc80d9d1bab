/** A command that inserts records and ends early: what it has inserted by then is there to stay. */
import {
  BtrieveError,
  UnformattedError,
  type Client,
  type Insertion,
  type InsertionFailure,
  type InsertionTally,
  type Status,
} from '../../src/index.js';
import { outcomeOf } from '../failures.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import type { Outcome } from '../outcome.js';
import type { Step } from '../progress.js';
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

/** `Session.work` for what inserts records: how far an engine elsewhere got is in the tally, also if it failed. */
export async function insertion<R>(
  session: Session,
  tally: InsertionTally,
  files: readonly string[],
  { name, args, label }: { name: string; args: Readonly<Record<string, unknown>>; label: string },
  own: (client: Client) => Step<R>,
): Promise<R> {
  const answer = await session.byRunning<Insertion<R>>(files, name, args, label);
  if (answer === undefined) return session.follow(label, own(await session.client()));
  const { result, failure } = answer;
  Object.assign(tally, answer.tally);
  if (failure !== undefined) throw errorOf(failure);
  return result as R;
}

function errorOf({ status, message: text, ...details }: InsertionFailure): Error {
  if (status !== 0) return new BtrieveError(status as Status, text, details);
  const { file = '', record = 0, offset = 0, expected = '', found = '' } = details;
  return new UnformattedError(text, { file, record, offset, expected, found });
}
