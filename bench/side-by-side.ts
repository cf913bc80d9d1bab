/**
 * Ours beside other stores: the same work on the same records in one run, and the ratio to the best of the others, in
 * the forms in which they come and tuned.
 *
 * What is shown are medians of the rounds; a ratio is taken within each round. It says nothing of another machine's
 * speed, and little if something else is at work.
 */
import type { Row } from './measure.js';
import type { BenchOptions, Part } from './report.js';
import { callShares } from './side-by-side/call-shares.js';
import { SEED } from './side-by-side/records.js';
import {
  BY_MAP,
  floorRows,
  memoryRow,
  sizeRows,
  smallCacheRow,
  workloadRows,
  type Measured,
} from './side-by-side/rows.js';
import { runRounds } from './side-by-side/runs.js';
import { WORKLOADS } from './side-by-side/workloads.js';
import { findPeers } from './stores/all-stores.js';
import { BARE, bare } from './stores/bare.js';
import { OWN, ownClassic } from './stores/own.js';

const MEGABYTE = 1024 * 1024;
/** What every store gets that has a cache of its own. */
const CACHE = 256 * MEGABYTE;
/** Less than the file of a million records. */
const SMALL_CACHE = 32 * MEGABYTE;

function run(
  { records, rounds }: BenchOptions,
  peers: readonly string[],
  cacheBytes: number,
  workloads: readonly string[],
  others: readonly string[] = [],
): Measured {
  const stores = [OWN.CLASSIC, ...peers, ...others];
  const outcomes = runRounds(rounds, stores, { records, cacheBytes, workloads });
  const failed = stores.filter((store) => !outcomes.has(store));
  if (failed.length > 0) console.log(`Failed in every round: ${failed.join(', ')}.`);
  return { outcomes, peers, records, cacheBytes };
}

async function measure(options: BenchOptions): Promise<readonly Row[]> {
  const { records, rounds } = options;
  const { peers, missing } = findPeers();
  for (const { name, about } of [await ownClassic(), ...peers, bare()])
    console.log(`${name}: ${about}`);
  console.log(`${records} records, loaded in an order by chance; seed ${SEED}`);
  if (missing.length > 0) {
    console.log(`Not installed, so not compared: ${missing.join(', ')} (npm ci --prefix bench).`);
  }
  const names = peers.map(({ name }) => name);
  const workloads = WORKLOADS.map(({ name }) => name);
  const all = run(options, names, CACHE, workloads, [BARE]);
  const byMap = names.filter((name) => name === BY_MAP);
  return [
    ...workloadRows(all),
    ...floorRows(all),
    ...sizeRows(all),
    memoryRow(all),
    ...callShares(records, rounds, CACHE),
    smallCacheRow(run(options, byMap, SMALL_CACHE, ['load_1k', 'get_id'])),
  ];
}

/** The part of the report; `records` and `rounds` are those of the command line. */
export const sideBySide: Part = { name: 'stores', run: measure };
