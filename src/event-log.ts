/**
 * Reading the event log of an engine: the lines that `microkernel/node-ports.ts` writes, taken apart again.
 *
 * What is no such line is counted and passed over.
 */
import { readFully } from './microkernel/disk-error.js';
import type { FileSystem } from './microkernel/ports.js';

/** `I` something was done, `W` somebody should know, `E` something failed. */
export type EventSeverity = 'I' | 'W' | 'E';

/** A line of the event log of a root. */
export interface LoggedEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly severity: EventSeverity;
  readonly pid: number;
  /** See `docs/events.md`. */
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly text: string;
  /** As it stands in the log. */
  readonly line: string;
}

/** Which events are wanted. */
export interface EventQuery {
  /** Milliseconds since 1970; events before are left out. */
  readonly since?: number;
  /** Events that are less severe are left out. Default: `I`, all. */
  readonly severity?: EventSeverity;
}

/** Events of a log, and how much of it was none. */
export interface EventListing {
  /** The oldest first. */
  readonly events: readonly LoggedEvent[];
  /** Lines that are none of an event. */
  readonly unreadable: number;
}

const ORDER = 'IWE';
/** Old logs that are looked for. */
const KEPT_COUNT = 5;
/** No log is longer: it is set aside long before. */
const SIZE_LIMIT = 64 * 1024 * 1024;

const LINE =
  /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([IWE]) (\d+) ([\w.-]+)((?: [\w.-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]+))*)(?: (.*))?$/u;
const FIELD = / ([\w.-]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)/gu;

/** The events in a log and those that were set aside before it. Throws `DiskError`. */
export function readEvents(files: FileSystem, path: string, query: EventQuery = {}): EventListing {
  const { since = -Infinity, severity = 'I' } = query;
  const events: LoggedEvent[] = [];
  let unreadable = 0;
  for (let number = KEPT_COUNT; number >= 0; number--) {
    const text = readText(files, number === 0 ? path : `${path}.${number}`);
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const event = parseEvent(line);
      if (event === undefined) unreadable++;
      else if (isWanted(event, since, severity)) events.push(event);
    }
  }
  return { events, unreadable };
}

function isWanted(event: LoggedEvent, since: number, severity: EventSeverity): boolean {
  return (
    ORDER.indexOf(event.severity) >= ORDER.indexOf(severity) && Date.parse(event.time) >= since
  );
}

/** Undefined for a line that is none of an event. */
function parseEvent(line: string): LoggedEvent | undefined {
  const [, time, severity, pid, id, fields = '', text = ''] = LINE.exec(line) ?? [];
  if (time === undefined || severity === undefined || id === undefined) return undefined;
  const pairs = [...fields.matchAll(FIELD)].map(
    ([, name = '', value = '']) => [name, unquoted(value)] as const,
  );
  return {
    time,
    severity: severity as EventSeverity,
    pid: Number(pid),
    id,
    fields: Object.fromEntries(pairs),
    text: unquoted(text),
    line,
  };
}

/** Values and texts are JSON strings where they could be taken for something else. */
function unquoted(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}

/** Empty if there is no such file. */
function readText(files: FileSystem, path: string): string {
  if (!files.exists(path)) return '';
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(SIZE_LIMIT, handle.size()));
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    return new TextDecoder().decode(bytes.subarray(0, count));
  } finally {
    handle.close();
  }
}
