/** `butil -events`: the last lines of the event log of an engine root. No engine is needed. */
import { readRootEvents, type EventSeverity, type LoggedEvent } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const LAST = 20;
const ZONE = /(?:Z|[+-]\d\d:?\d\d)$/i;

export function command(session: Session): Outcome {
  const given = session.value('since');
  const since = given === undefined ? undefined : timeOf(session, given);
  // Whoever says since when wants to see all of it.
  const last = session.value('last') ?? (since === undefined ? String(LAST) : '1000000');
  const count = session.number(last, '--last', 1, 1_000_000);
  const severity = session.value('severity') as EventSeverity | undefined;
  const { root } = chooseRoot(session.value('root'), session.console);
  const { events: found, unreadable } = readRootEvents(
    { root },
    { ...(since !== undefined && { since }), ...(severity !== undefined && { severity }) },
  );
  const events = found.slice(-count);
  const text = events.length === 0 ? `There are no events at ${root}.` : shown(events);
  const warnings =
    unreadable === 0 ? [] : [`${counted(unreadable, 'line')} of the event log could not be read.`];
  return done(text, { root, events, unreadable }, warnings);
}

function shown(events: readonly LoggedEvent[]): string {
  return events.map(({ line }) => line).join('\n');
}

/** ISO 8601; without a zone it is local. */
function timeOf(session: Session, text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?$/i;
  // A date alone is taken for UTC by the language, and for local here.
  const time = /[T ]/.test(text) || ZONE.test(text.slice(10)) ? text : `${text}T00:00:00`;
  const value = isDate.test(text) ? Date.parse(time) : NaN;
  if (!Number.isNaN(value)) return value;
  throw session.wrong(`--since must be a time like 2026-01-31T14:00:00 or ...Z, and not ${text}`);
}
