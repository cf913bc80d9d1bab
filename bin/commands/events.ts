/** `butil -events`: the last lines of the event log of an engine root. No engine is needed. */
import { resolve } from 'node:path';
import { readRootEvents, type EventSeverity, type LoggedEvent } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const LAST = 20;
/** Whoever says since when wants to see all of it. */
const ALL = 1_000_000;
const ZONE = /(?:Z|[+-]\d\d:?\d\d)$/i;

export function command(session: Session): Outcome {
  const [since, until] = [timeOf(session, 'since'), timeOf(session, 'until')];
  const count = countOf(session, since === undefined ? LAST : ALL);
  const severity = session.value('severity') as EventSeverity | undefined;
  const { root } = chooseRoot(session.value('root'), session.console);
  const { events: found, unreadable } = readRootEvents(
    { root },
    { ...(since !== undefined && { since }), ...(severity !== undefined && { severity }) },
  );
  const events = found.filter((event) => isWanted(session, event, until)).slice(-count);
  const text = events.length === 0 ? `There are no such events at ${root}.` : shown(events);
  const warnings =
    unreadable === 0 ? [] : [`${counted(unreadable, 'line')} of the event log could not be read.`];
  return done(text, { root, events, unreadable }, warnings);
}

/** `--limit`, which has been called `--last` first. */
function countOf(session: Session, otherwise: number): number {
  const [limit, last] = [session.value('limit'), session.value('last')];
  if (limit !== undefined && last !== undefined) {
    throw session.wrong('--limit and --last are the same: give one of them');
  }
  const name = limit === undefined ? '--last' : '--limit';
  return session.number(limit ?? last ?? String(otherwise), name, 1, ALL);
}

function isWanted(session: Session, event: LoggedEvent, until: number | undefined): boolean {
  const [ids, file] = [session.values('id'), session.value('file')];
  if (ids.length > 0 && !ids.includes(event.id)) return false;
  if (until !== undefined && Date.parse(event.time) > until) return false;
  return file === undefined || event.fields['file'] === resolve(file);
}

function shown(events: readonly LoggedEvent[]): string {
  return events.map(({ line }) => line).join('\n');
}

/** Milliseconds since 1970. ISO 8601; without a zone it is local. */
function timeOf(session: Session, name: string): number | undefined {
  const text = session.value(name);
  if (text === undefined) return undefined;
  const isDate = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?$/i;
  // A date alone is taken for UTC by the language, and for local here.
  const time = /[T ]/.test(text) || ZONE.test(text.slice(10)) ? text : `${text}T00:00:00`;
  const value = isDate.test(text) ? Date.parse(time) : NaN;
  if (!Number.isNaN(value)) return value;
  throw session.wrong(`--${name} must be a time like 2026-01-31T14:00:00 or ...Z, and not ${text}`);
}
