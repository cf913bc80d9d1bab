/** The rows of the report: ours beside the others, out of what the runs have measured. */
import { geometricMean, type Row } from '../measure.js';
import { BARE } from '../stores/bare.js';
import { OWN } from '../stores/own.js';
import { lateOf, rateOf, type Figure, type Outcomes } from './outcomes.js';
import { WORKLOADS, type Workload } from './workloads.js';

const OURS = OWN.CLASSIC;
const MEGABYTE = 1024 * 1024;

/** What the geometric mean of all ratios should be. */
const MEAN_GOAL = 2.2;
/** Megabytes beside the cache. */
const MEMORY_GOAL = 80;

/** Whose files ours are compared with. */
const BY_SIZE = 'better-sqlite3';
/** Whose cache is the system's, and so all memory. */
export const BY_MAP = 'lmdb';

/** What was measured of ours and of these peers. */
export interface Measured {
  readonly outcomes: Outcomes;
  readonly peers: readonly string[];
  readonly records: number;
  readonly cacheBytes: number;
}

/** A figure of each store that has it. */
function listed(
  { outcomes, peers }: Measured,
  figure: Figure,
  shown: (value: number) => string,
): string {
  return [OURS, ...peers]
    .map((store) => ({ store, value: outcomes.median(store, figure) }))
    .filter(({ value }) => Number.isFinite(value))
    .map(({ store, value }) => `${store} ${shown(value)}`)
    .join(', ');
}

/** The peer with the highest figure, if any has one. */
function bestOf({ outcomes, peers }: Measured, figure: Figure): string | undefined {
  let best: string | undefined;
  for (const peer of peers.filter((each) => Number.isFinite(outcomes.median(each, figure)))) {
    const isBetter =
      best === undefined || outcomes.median(peer, figure) > outcomes.median(best, figure);
    if (isBetter) best = peer;
  }
  return best;
}

function listedRates(measured: Measured, best: string, figure: Figure): string {
  return `best: ${best}; ${listed(measured, figure, (rate) => `${rate.toFixed(0)}/s`)}`;
}

/** What is done once is slow at first: without that, beside the peer that is the best then. */
function lateRows(measured: Measured, { name }: Workload): Row[] {
  const figure = rateOf(lateOf(name));
  const best = bestOf(measured, figure);
  if (best === undefined) return [];
  const value = measured.outcomes.ratio(OURS, best, figure);
  if (!Number.isFinite(value)) return [];
  return [{ name: lateOf(name), value, unit: 'x', note: listedRates(measured, best, figure) }];
}

function workloadRow(measured: Measured, { name, goal }: Workload): Row {
  const { outcomes } = measured;
  const figure = rateOf(name);
  const best = bestOf(measured, figure);
  if (best === undefined) return { name, value: outcomes.median(OURS, figure), unit: '/s' };
  const value = outcomes.ratio(OURS, best, figure);
  const note = listedRates(measured, best, figure);
  return { name, value, unit: 'x', goal: ['>=', goal], note };
}

/** Each workload beside the best peer in it, and the mean of all ratios. */
export function workloadRows(measured: Measured): Row[] {
  const rows = WORKLOADS.map((workload) => workloadRow(measured, workload));
  if (rows.some(({ goal }) => goal === undefined)) return rows;
  const value = geometricMean(rows.map((row) => row.value));
  return [
    ...rows,
    { name: 'geometric mean', value, unit: 'x', goal: ['>=', MEAN_GOAL] },
    ...WORKLOADS.flatMap((workload) => lateRows(measured, workload)),
  ];
}

function floorRow(measured: Measured, { goal }: Workload, name: string): Row[] {
  const { outcomes } = measured;
  const figure = rateOf(name);
  const best = bestOf(measured, figure);
  if (best === undefined) return [];
  const value = outcomes.ratio(BARE, best, figure);
  if (!Number.isFinite(value)) return [];
  const rates = [BARE, OURS].map(
    (store) => `${store} ${outcomes.median(store, figure).toFixed(0)}/s`,
  );
  const note = `ours should have ${goal} x; best: ${best}; ${rates.join(', ')}`;
  return [{ name: `${name}, without an engine`, value, unit: 'x', note }];
}

/**
 * What a store without an engine has of the best peer's rates: for reads about what ours could have at the most; for changes
 * more than that, for its pages are written when it is closed, which is in none of its figures.
 */
export function floorRows(measured: Measured): Row[] {
  return WORKLOADS.flatMap((workload) =>
    [workload.name, lateOf(workload.name)].flatMap((name) => floorRow(measured, workload, name)),
  );
}

function sizeRow(measured: Measured, name: string, on: string, goal: number): Row {
  const { outcomes, records } = measured;
  const figure: Figure = ({ sizes }) => sizes[on];
  const value = outcomes.ratio(OURS, BY_SIZE, figure);
  const all = listed(measured, figure, (size) => (size / records).toFixed(0));
  if (Number.isFinite(value)) {
    return { name, value, unit: 'x', goal: ['<=', goal], note: `of ${BY_SIZE}'s; ${all}` };
  }
  return { name, value: outcomes.median(OURS, figure) / records, unit: 'bytes', note: all };
}

/** Bytes on disk for a record, in those of the store that is known for small files. */
export function sizeRows(measured: Measured): Row[] {
  return [
    sizeRow(measured, 'bytes of a record, loaded in bulk', 'bulk', 1.1),
    sizeRow(measured, 'bytes of a record, inserted by chance, 1,000 a transaction', 'load', 1.3),
  ];
}

export function memoryRow(measured: Measured): Row {
  const { outcomes, cacheBytes } = measured;
  const figure: Figure = ({ memory }) => memory / MEGABYTE;
  const cache = cacheBytes / MEGABYTE;
  const all = listed(measured, figure, (megabytes) => megabytes.toFixed(0));
  return {
    name: `memory at the most, cache of ${cache} MB`,
    value: outcomes.median(OURS, figure),
    unit: 'MB',
    goal: ['<=', cache + MEMORY_GOAL],
    note: `beside the benchmark's own; ${all}`,
  };
}

/** Gets from a file that should be larger than the cache, beside the store whose cache is all memory. */
export function smallCacheRow(measured: Measured): Row {
  const { outcomes, cacheBytes } = measured;
  const figure = rateOf('get_id');
  const name = `get_id, cache of ${cacheBytes / MEGABYTE} MB`;
  const size = outcomes.median(OURS, ({ sizes }) => sizes['load']);
  const whole = size > cacheBytes ? '' : ', so all of it is in the cache';
  const all = listed(measured, figure, (rate) => `${rate.toFixed(0)}/s`);
  const note = `file of ${(size / MEGABYTE).toFixed(0)} MB${whole}; ${all}`;
  const value = outcomes.ratio(OURS, BY_MAP, figure);
  if (!Number.isFinite(value))
    return { name, value: outcomes.median(OURS, figure), unit: '/s', note };
  return { name, value, unit: 'x', note: `of ${BY_MAP}'s, which has all memory; ${note}` };
}
