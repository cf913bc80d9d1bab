/** `butil -freeze` and `-thaw`: nothing is written while the volumes of an engine are copied by a snapshot. */
import type { Frozen } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 1000, m: 60_000 };

export async function freeze(session: Session): Promise<Outcome> {
  const timeout = session.value('timeout');
  const args = timeout === undefined ? {} : { timeoutMs: milliseconds(session, timeout) };
  const frozen = await session.byRunning<Frozen>([], 'freeze', args);
  if (frozen === undefined) return noEngine(session);
  const { files, until } = frozen;
  const text = `${counted(files.length, 'open file')} frozen until -thaw, or ${until}.`;
  return done(text, frozen);
}

export async function thaw(session: Session): Promise<Outcome> {
  const thawed = await session.byRunning<null>([], 'thaw', {});
  if (thawed === undefined) return noEngine(session);
  return done('Writing goes on; what was copied since -freeze is a valid snapshot.', {});
}

function milliseconds(session: Session, text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,7})(ms|s|m)?$/.exec(text) ?? [];
  const value = number === '' ? 0 : Number(number) * (UNITS[unit] ?? 0);
  if (value > 0) return value;
  throw session.wrong(`--timeout must be a time such as 60s, 500ms or 2m, and not ${text}`);
}

/** Where no engine runs nothing writes; but then nobody says when one begins to. */
function noEngine(session: Session): Outcome {
  const { root } = chooseRoot(session.value('root'), session.console);
  const text = `No engine is running at ${root}, so there is nothing to be frozen or thawed.`;
  return { exitCode: EXIT.NOT_DONE, reason: 'no-engine', result: { root }, text };
}
