/** What the benchmark beside other stores shows: who is the best, in which rounds, and of what records. */
import { describe, expect, it } from 'vitest';
import { meets } from '../../bench/measure.js';
import { Outcomes, rateOf, type Outcome } from '../../bench/side-by-side/outcomes.js';
import { Chance, idOf, NAME, RECORD, Records } from '../../bench/side-by-side/records.js';
import {
  floorRows,
  memoryRow,
  sizeRows,
  smallCacheRow,
  workloadRows,
  type Measured,
} from '../../bench/side-by-side/rows.js';
import { loadOrder, WORKLOADS } from '../../bench/side-by-side/workloads.js';

const MEGABYTE = 1024 * 1024;

/** An outcome with one and the same rate for everything. */
function outcome(rate: number, size = 1000, memory = 100 * MEGABYTE): Outcome {
  const rates = Object.fromEntries(WORKLOADS.map(({ name }) => [name, rate]));
  return { rates, sizes: { bulk: size, load: 2 * size }, memory };
}

/** Outcomes by store; a list has its rounds. */
function measured(of: Readonly<Record<string, readonly (Outcome | undefined)[]>>): Measured {
  const outcomes = new Outcomes();
  for (const [store, rounds] of Object.entries(of)) {
    for (const [round, each] of rounds.entries()) outcomes.add(store, round, each);
  }
  const peers = Object.keys(of).filter((store) => !['isamite', 'bare'].includes(store));
  return { outcomes, peers, records: 10, cacheBytes: 256 * MEGABYTE };
}

describe('the records', () => {
  const records = new Records(1000, 20);

  it('have the integer, a name that ten share, and nothing that compresses well', () => {
    const record = records.of(7);
    expect(record.length).toBe(RECORD);
    expect(record.readBigUInt64BE()).toBe(BigInt(idOf(7)));
    const name = record.toString('latin1', NAME.at, NAME.at + NAME.length);
    expect(name).toMatch(/^[A-Z]{20}$/);
    expect(name).toBe(records.nameOf(7));
    const sharing = Array.from({ length: 1000 }, (_, n) => records.nameOf(n));
    expect(sharing.filter((each) => each === name)).toHaveLength(10);
    expect(new Set(records.of(7).subarray(36)).size).toBeGreaterThan(10);
  });

  it('are the same each time', () => {
    expect(new Records(1000, 20).of(999).equals(new Records(1000, 20).of(999))).toBe(true);
  });

  it('keep what is changed in them', () => {
    const changed = records.rename(3, 50);
    expect(changed.toString('latin1', NAME.at, NAME.at + NAME.length)).toBe(records.names[50]);
    const before = Buffer.from(records.of(4));
    records.touch(4);
    expect(records.of(4).equals(before)).toBe(false);
    expect(records.of(4).subarray(0, 28).equals(before.subarray(0, 28))).toBe(true);
  });

  it('are loaded in an order by chance, each of them once', () => {
    const order = loadOrder(1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    const ascending = order.filter((each, n) => n > 0 && each > (order[n - 1] ?? 0)).length;
    expect(ascending).toBeGreaterThan(400);
    expect(ascending).toBeLessThan(600);
    expect(new Chance(5).order(100)).not.toEqual(new Chance(6).order(100));
  });
});

describe('the rows', () => {
  it('have the ratio to the best peer, and name it', () => {
    const rows = workloadRows(
      measured({ isamite: [outcome(30)], slow: [outcome(5)], fast: [outcome(10)] }),
    );
    expect(rows).toHaveLength(WORKLOADS.length + 1);
    expect(rows[0]?.value).toBe(3);
    expect(rows[0]?.note).toBe('best: fast; isamite 30/s, slow 5/s, fast 10/s');
    expect(rows.at(-1)?.name).toBe('geometric mean');
    expect(rows.at(-1)?.value).toBeCloseTo(3);
    expect(rows.every(meets)).toBe(true);
  });

  it('take ratios within a round', () => {
    const rounds = { isamite: [outcome(30), outcome(3), outcome(40)] };
    const peer = [outcome(10), outcome(1), outcome(20)];
    const { outcomes } = measured({ ...rounds, peer });
    expect(outcomes.ratio('isamite', 'peer', rateOf('get_id'))).toBe(3);
  });

  it('leave out a round, and a peer, that failed', () => {
    const given = measured({
      isamite: [outcome(30), outcome(60)],
      broken: [undefined, undefined],
      shaky: [undefined, outcome(20)],
    });
    expect(given.outcomes.has('broken')).toBe(false);
    expect(given.outcomes.has('shaky')).toBe(true);
    const [row] = workloadRows(given);
    expect(row?.value).toBe(3);
    expect(row?.note).toBe('best: shaky; isamite 60/s, shaky 20/s');
  });

  it('miss their goals when ours failed', () => {
    const rows = workloadRows(measured({ isamite: [undefined], peer: [outcome(1)] }));
    expect(rows.some(meets)).toBe(false);
  });

  it('are our own figures without peers', () => {
    const alone = measured({ isamite: [outcome(30)] });
    const rows = workloadRows(alone);
    expect(rows).toHaveLength(WORKLOADS.length);
    expect(rows[0]).toEqual({ name: 'load_bulk', value: 30, unit: '/s' });
    expect(sizeRows(alone).map(({ value, unit }) => [value, unit])).toEqual([
      [100, 'bytes'],
      [200, 'bytes'],
    ]);
    expect(smallCacheRow(alone).unit).toBe('/s');
  });

  it('have what is left to a store without an engine, which is no peer, and no goal there', () => {
    const given = measured({ isamite: [outcome(30)], bare: [outcome(50)], fast: [outcome(10)] });
    expect(workloadRows(given)[0]?.value).toBe(3);
    const rows = floorRows(given);
    expect(rows).toHaveLength(WORKLOADS.length);
    expect(rows[0]).toEqual({
      name: 'load_bulk, without an engine',
      value: 5,
      unit: 'x',
      note: 'ours should have 1.5 x; best: fast; bare 50/s, isamite 30/s',
    });
    expect(floorRows(measured({ isamite: [outcome(30)], bare: [outcome(50)] }))).toEqual([]);
  });

  it('have bytes in those of better-sqlite3, and memory beside the cache', () => {
    const given = measured({
      isamite: [outcome(1, 1200, 337 * MEGABYTE)],
      'better-sqlite3': [outcome(1)],
    });
    expect(sizeRows(given).map((row) => [row.value, meets(row)])).toEqual([
      [1.2, false],
      [1.2, true],
    ]);
    const row = memoryRow(given);
    expect([row.value, row.goal, meets(row)]).toEqual([337, ['<=', 336], false]);
  });
});
