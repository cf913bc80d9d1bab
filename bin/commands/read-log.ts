/** `butil -readlog`: what an archival log holds: who did what when. */
import {
  BtrieveError,
  parseTime,
  readArchive,
  type ArchiveQuery,
  type ListedChange,
  type ListedEntry,
  type ListedOperation,
} from '../../src/index.js';
import { fieldsIn, readImageLayout, type ImageField } from '../image-layout.js';
import { chooseRoot } from '../engine-for-command.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import { ownerNames } from '../owner-names.js';
import type { Session } from '../session.js';

/** With --json entries are collected, so their number is bounded. */
const JSON_LIMIT = 10_000;
const NO_LIMIT = 999_999_999;
/** Of a file that never went back to a moment before. */
const FIRST_TIMELINE = 1;

export async function command(session: Session): Promise<Outcome> {
  const path = session.operand(0);
  const layout = session.value('layout');
  const fields = layout === undefined ? undefined : readImageLayout(layout);
  const limit = limitOf(session);
  const log = session.value('log');
  const { root } = chooseRoot(session.value('root'), session.console);
  const owners = await ownerNames(session);
  const sealed = new SealedEntries();
  const progress = session.progress('Reading', 'bytes');
  const keys = { owners, onSealed: sealed.add, onProgress: progress.tell };
  const options = { ...queryOf(session), ...keys, root, ...(log === undefined ? {} : { log }) };
  const entries: ListedEntry[] = [];
  let count = 0;
  let isCut = false;
  try {
    for (const entry of readArchive(path, options)) {
      isCut = count === limit;
      if (isCut) break;
      count++;
      progress.end();
      if (session.isJson) entries.push(entry);
      else session.console.out(shown(entry, fields));
    }
  } finally {
    progress.end();
  }
  const text = `${count === 0 ? '' : '\n'}${count} ${count === 1 ? 'entry' : 'entries'}`;
  const cut = isCut ? [`The log has more than these ${count}; --limit asks for more.`] : [];
  const warnings = [...cut, ...sealed.warnings(owners.length > 0)];
  const result = { path, count, sealed: sealed.count, isCut, entries };
  if (sealed.count === 0 || owners.length === 0) return done(text, result, warnings);
  return { exitCode: EXIT.FINDINGS, reason: 'owner-name', status: 51, result, text, warnings };
}

/** Entries that are encrypted, and that no owner name opens. */
class SealedEntries {
  count = 0;
  #first = Infinity;
  #last = 0;

  readonly add = ({ time }: { readonly time: number }): void => {
    this.count++;
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
  };

  warnings(isGiven: boolean): string[] {
    if (this.count === 0) return [];
    const [from, to] = [this.#first, this.#last].map((time) => new Date(time).toISOString());
    const which = isGiven ? 'none of the names given opens them' : 'no owner name is given (-O)';
    return [
      `${this.count} ${this.count === 1 ? 'entry is' : 'entries are'} encrypted, and ${which}: it takes ` +
        `the owner name that the file had from ${from ?? ''} to ${to ?? ''}.`,
    ];
  }
}

function limitOf(session: Session): number {
  const text = session.value('limit');
  if (text !== undefined) return session.number(text, '--limit', 1, NO_LIMIT);
  return session.isJson ? JSON_LIMIT : NO_LIMIT;
}

function queryOf(session: Session): ArchiveQuery {
  const [since, until] = ['since', 'until'].map((name) => session.value(name));
  const [from, to, lsn] = ['from-lsn', 'to-lsn', 'tx'].map((name) => lsnOf(session, name));
  const [client, operation, key] = ['client', 'operation', 'key'].map((name) =>
    session.value(name),
  );
  return {
    ...(since === undefined ? {} : { since: timeOf(session, 'since', since) }),
    ...(until === undefined ? {} : { until: timeOf(session, 'until', until) }),
    ...(from === undefined ? {} : { fromLsn: from }),
    ...(to === undefined ? {} : { toLsn: to }),
    ...(lsn === undefined ? {} : { lsn }),
    ...(client === undefined ? {} : { client }),
    ...(operation === undefined ? {} : { operation: operation as ListedOperation }),
    ...(key === undefined ? {} : { bytes: bytesOf(session, key) }),
    images: session.isSet('images') || session.isSet('layout'),
  };
}

/** What rolling forward takes for a time; points of other kinds are not for a list. */
function timeOf(session: Session, name: string, text: string): number {
  try {
    return parseTime(text);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    throw session.wrong(`--${name} must be a time like 2026-01-31T14:00, and not ${text}`);
  }
}

function lsnOf(session: Session, name: string): number | undefined {
  const text = session.value(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw session.wrong(`--${name} must be the number of a transaction, and not ${text}`);
}

/** Text, or bytes as `hex:0a0b`. */
function bytesOf(session: Session, key: string): Uint8Array {
  const [, hex] = /^hex:(.*)$/i.exec(key) ?? [];
  if (hex === undefined) return Buffer.from(key);
  if (hex !== '' && /^(?:[0-9a-f]{2})+$/i.test(hex)) return Buffer.from(hex, 'hex');
  throw session.wrong(
    `--key hex: must be followed by pairs of hexadecimal digits, and not ${hex || 'nothing'}`,
  );
}

function shown(entry: ListedEntry, fields: readonly ImageField[] | undefined): string {
  const {
    kind,
    time,
    timeline,
    lsn = '-',
    client = '',
    what,
    changes,
    isSealed,
    participants,
  } = entry;
  const others = participants.map(({ file }) => file);
  const words = [
    time,
    lsn,
    kind,
    ...(client === '' ? [] : [client]),
    ...(what === undefined ? [] : [what]),
    ...(timeline === FIRST_TIMELINE ? [] : [`timeline ${timeline}`]),
    ...(isSealed ? ['(encrypted)'] : []),
    ...(others.length === 0 ? [] : [`with ${others.join(', ')}`]),
  ];
  return [words.join('  '), ...changes.flatMap((change) => lines(change, fields))].join('\n');
}

function lines(change: ListedChange, fields: readonly ImageField[] | undefined): string[] {
  const { operation, address, before, after } = change;
  // Pieces of a record begin somewhere in it.
  const isWhole = operation !== 'patch';
  const image = (mark: string, hex: string | undefined): string[] => {
    if (hex === undefined) return [];
    return [`    ${mark} ${fields === undefined || !isWhole ? hex : fieldsIn(hex, fields)}`];
  };
  return [`  ${operation} at ${address}`, ...image('-', before), ...image('+', after)];
}
