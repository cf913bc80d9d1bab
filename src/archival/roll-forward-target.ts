/**
 * How far a roll-forward goes: reading what `--until` says, and deciding of each entry of an archival log
 * whether it is still within.
 *
 * Invariants:
 * - What is refused once is refused from there on: an entry behind one that is not within is not either.
 * - Times are milliseconds since 1970; a time without a zone is local.
 */
import { BtrieveError, Status } from '../microkernel/status.js';

/**
 * - `end`: everything there is;
 * - `time`: everything up to and at a time;
 * - `lsn`: everything up to and with a transaction, by its LSN;
 * - `before-tx`: everything before a transaction;
 * - `name`: everything before a point that was given a name.
 */
export type RollForwardTarget =
  | { readonly kind: 'end' }
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'lsn'; readonly lsn: number }
  | { readonly kind: 'before-tx'; readonly lsn: number }
  | { readonly kind: 'name'; readonly name: string };

const TO_THE_END: RollForwardTarget = Object.freeze({ kind: 'end' });

const FORMS = 'an ISO 8601 time such as 2026-01-31T14:00, lsn:N, before-tx:ID or name:X';

/** What `--until` says; undefined is the end. Throws 160 with the reason `target`. */
export function parseTarget(text: string | undefined): RollForwardTarget {
  if (text === undefined) return TO_THE_END;
  const [, word = '', rest = ''] = /^(lsn|before-tx|name):(.*)$/s.exec(text) ?? [];
  if (word === 'lsn') return { kind: 'lsn', lsn: parseLsn(text, rest) };
  if (word === 'before-tx') return { kind: 'before-tx', lsn: parseLsn(text, rest) };
  if (word === 'name') {
    if (rest === '') throw noTarget(text, 'a name behind name:');
    return { kind: 'name', name: rest };
  }
  return { kind: 'time', time: parseTime(text) };
}

function parseLsn(text: string, digits: string): number {
  if (/^[1-9]\d{0,15}$/.test(digits) && Number(digits) <= Number.MAX_SAFE_INTEGER) {
    return Number(digits);
  }
  throw noTarget(text, 'the number of a transaction, from 1');
}

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/** Milliseconds since 1970. A day alone is its beginning. Throws 160. */
export function parseTime(text: string): number {
  const found = TIME.exec(text.trim());
  if (found === null) throw noTarget(text, FORMS);
  const [, year, month, day, hour = '0', minute = '0', second = '0', part = '', zone] = found;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as Six;
  const ms = Math.floor(Number(`0.${part === '' ? '0' : part}`) * 1000);
  // What there is no such day or hour of would silently become another one.
  const check = new Date(Date.UTC(y, mo - 1, d, h, mi, s));
  const isThere =
    check.getUTCMonth() === mo - 1 && check.getUTCDate() === d && h < 24 && mi < 60 && s < 60;
  if (!isThere || y < 1970) throw noTarget(text, 'a day and time that there is, from 1970 on');
  if (zone === undefined) return new Date(y, mo - 1, d, h, mi, s, ms).getTime();
  return Date.UTC(y, mo - 1, d, h, mi, s, ms) - zoneOffset(text, zone);
}

type Six = [number, number, number, number, number, number];

function zoneOffset(text: string, zone: string): number {
  if (zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', ''))];
  if (hours > 14 || minutes > 59) throw noTarget(text, 'a zone that there is');
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function noTarget(text: string, expected: string): BtrieveError {
  const message = 'this is no point to roll forward to';
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'target',
    expected,
    found: text,
  });
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** ISO 8601 in the zone of this machine. */
export function localTime(time: number): string {
  const date = new Date(time);
  const offset = -date.getTimezoneOffset();
  const away = Math.abs(offset);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const part = String(date.getMilliseconds()).padStart(3, '0');
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(away / 60))}:${two(away % 60)}`;
  return `${day}T${clock}.${part}${zone}`;
}

/** For people; a time in UTC and as it is here. */
export function targetText(target: RollForwardTarget): string {
  switch (target.kind) {
    case 'end':
      return 'the end';
    case 'time':
      return `${new Date(target.time).toISOString()} (${localTime(target.time)})`;
    case 'lsn':
      return `transaction ${target.lsn}, included`;
    case 'before-tx':
      return `just before transaction ${target.lsn}`;
    case 'name':
      return `the point named ${target.name}`;
  }
}

/** Where something stands in the history of files. */
export interface Moment {
  /** 0 if it has none. */
  readonly lsn: number;
  readonly time: number;
}

/** Whether what has such a number and time belongs to what is wanted. Names are the reader's to look for. */
export function isWithin(target: RollForwardTarget, { lsn, time }: Moment): boolean {
  switch (target.kind) {
    case 'time':
      return time <= target.time;
    case 'lsn':
      return lsn <= target.lsn;
    case 'before-tx':
      return lsn < target.lsn;
    case 'end':
    case 'name':
      return true;
  }
}

/** Whether something shows that the history goes at least as far as what is wanted. */
export function proves(target: RollForwardTarget, { lsn, time }: Moment): boolean {
  switch (target.kind) {
    case 'end':
      return true;
    case 'time':
      return time >= target.time;
    case 'lsn':
      return lsn >= target.lsn;
    case 'before-tx':
      return lsn === target.lsn;
    case 'name':
      return false;
  }
}

/**
 * Whether a target lies behind something that is no transaction: at its time, or behind the transaction that was given
 * its LSN last before it (0: not known, then no transaction lies behind it). Of a point with a name this says nothing: true.
 */
export function liesBehind(target: RollForwardTarget, { lsn, time }: Moment): boolean {
  if (target.kind === 'time') return target.time >= time;
  if (target.kind === 'lsn' || target.kind === 'before-tx') return lsn > 0 && target.lsn > lsn;
  return true;
}
