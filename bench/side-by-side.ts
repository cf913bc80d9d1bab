/**
 * Ours beside other stores: the same work on the same records in one run, and the ratio to the best of the others, in
 * the forms in which they come and tuned.
 *
 * What is shown are medians of the rounds; a ratio is taken within each round. It says nothing of another machine's
 * speed, and little if something else is at work.
 */
import { geometricMean, type Row } from './measure.js';
import type { BenchOptions, Part } from './report.js';
import { callShares } from './side-by-side/call-shares.js';
import { SEED } from './side-by-side/records.js';
import { rateOf, runRounds, type Outcome, type Outcomes } from './side-by-side/runs.js';
import { WORKLOADS, type Workload } from './side-by-side/workloads.js';
import { findPeers } from './stores/all-stores.js';
import { OWN, ownClassic } from './stores/own.js';

const OURS = OWN.CLASSIC;
const MEGABYTE = 1024 * 1024;
/** What every store gets. */
const CACHE = 256 * MEGABYTE;
const SMALL_CACHE = 32 * MEGABYTE;
/** Beside its cache. */
const MEMORY_GOAL = 80;

/** What the geometric mean of all ratios should be. */
const MEAN_GOAL = 2.2;

/** Whose files ours are compared with. */
const BY_SIZE = 'better-sqlite3';
/** Who has no cache of its own, and so the whole memory. */
const BY_MAP = 'lmdb';

function perSecond(store: string, rate: number): string {
  return `${store} ${rate.toFixed(0)}/s`;
}

/** A workload beside the best of the peers. */
function workloadRow(outcomes: Outcomes, peers: readonly string[], workload: Workload): Row {
  const { name, goal } = workload;
  const figure = rateOf(name);
  const [best] = peers
    .filter((peer) => Number.isFinite(outcomes.median(peer, figure)))
    .sort((a, b) => outcomes.median(b, figure) - outcomes.median(a, figure));
  const own = outcomes.median(OURS, figure);
  if (best === undefined) return { name, value: own, unit: '/s' };
  const all = [OURS, ...peers].map((store) => perSecond(store, outcomes.median(store, figure)));
  return {
    name,
    value: outcomes.ratio(OURS, best, figure),
    unit: 'x',
    goal: ['>=', goal],
    note: `best: ${best}; ${all.join(', ')}`,
  };
}

function workloadRows(outcomes: Outcomes, peers: readonly string[]): Row[] {
  const rows = WORKLOADS.map((workload) => workloadRow(outcomes, peers, workload));
  if (peers.length === 0) return rows;
  const value = geometricMean(rows.map((row) => row.value));
  return [...rows, { name: 'geometric mean', value, unit: 'x', goal: ['>=', MEAN_GOAL] }];
}

/** Bytes on disk for a record, beside the store that is known for small files. */
function sizeRow(
  { outcomes, peers, records }: { outcomes: Outcomes; peers: readonly string[]; records: number },
  name: string,
  on: 'bulk' | 'load',
  goal: number,
): Row {
  const figure = ({ sizes }: Outcome): number | undefined => sizes[on];
  const bytes = (store: string): number => outcomes.median(store, figure) / records;
  if (!peers.includes(BY_SIZE)) return { name, value: bytes(OURS), unit: 'bytes' };
  const all = [OURS, ...peers].map((store) => `${store} ${bytes(store).toFixed(0)}`);
  return {
    name,
    value: outcomes.ratio(OURS, BY_SIZE, figure),
    unit: 'x',
    goal: ['<=', goal],
    note: `of ${BY_SIZE}'s; ${all.join(', ')}`,
  };
}

function memoryRow(outcomes: Outcomes, peers: readonly string[]): Row {
  const megabytes = (store: string): number =>
    outcomes.median(store, ({ memory }) => memory) / MEGABYTE;
  const all = peers.map((store) => `${store} ${megabytes(store).toFixed(0)}`);
  const note = ["at the most, the benchmark's own records not counted", ...all].join('; ');
  return {
    name: 'memory, cache of 256 MB',
    value: megabytes(OURS),
    unit: 'MB',
    goal: ['<=', CACHE / MEGABYTE + MEMORY_GOAL],
    note,
  };
}

/** Reads of a file that is larger than the cache. */
function smallCacheRow(records: number, rounds: number, peers: readonly string[]): Row {
  const name = 'get_id, cache of 32 MB';
  const isBeside = peers.includes(BY_MAP);
  const outcomes = runRounds(rounds, isBeside ? [OURS, BY_MAP] : [OURS], {
    records,
    cacheBytes: SMALL_CACHE,
    workloads: ['load_1k', 'get_id'],
  });
  const figure = rateOf('get_id');
  const size = outcomes.median(OURS, ({ sizes }) => sizes['load']);
  const own = perSecond(OURS, outcomes.median(OURS, figure));
  const larger = size > SMALL_CACHE ? '' : ', so all of it is in the cache';
  const note = `file of ${(size / MEGABYTE).toFixed(0)} MB${larger}; ${own}`;
  if (!isBeside) return { name, value: outcomes.median(OURS, figure), unit: '/s', note };
  const other = perSecond(BY_MAP, outcomes.median(BY_MAP, figure));
  const value = outcomes.ratio(OURS, BY_MAP, figure);
  return { name, value, unit: 'x', note: `${note}, ${other}, which has all memory for its cache` };
}

async function measure({ records, rounds }: BenchOptions): Promise<readonly Row[]> {
  const { peers: found, missing } = findPeers();
  const peers = found.map(({ name }) => name);
  for (const { name, about } of [await ownClassic(), ...found]) console.log(`${name}: ${about}`);
  console.log(`${records} records, loaded in an order by chance; seed ${SEED}`);
  if (missing.length > 0) {
    console.log(`Not installed, so not compared: ${missing.join(', ')} (npm ci --prefix bench).`);
  }
  const workloads = WORKLOADS.map(({ name }) => name);
  const outcomes = runRounds(rounds, [OURS, ...peers], { records, cacheBytes: CACHE, workloads });
  const sized = { outcomes, peers, records };
  return [
    ...workloadRows(outcomes, peers),
    sizeRow(sized, 'bytes of a record, loaded in bulk', 'bulk', 1.1),
    sizeRow(sized, 'bytes of a record, inserted by chance, 1,000 a transaction', 'load', 1.3),
    memoryRow(outcomes, peers),
    ...callShares(records, rounds, CACHE),
    smallCacheRow(records, rounds, peers),
  ];
}

/** The part of the report; `records` and `rounds` are those of the command line. */
export const sideBySide: Part = { name: 'stores', run: measure };
