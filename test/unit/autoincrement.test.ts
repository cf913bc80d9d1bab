/** Numbers and times that the engine gives: what follows what, also after a restart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asc,
  autotimestamp,
  defineRecord,
  desc,
  integer,
  key,
  MicroKernel,
  Op,
} from '../../src/index.js';
import { Stamps, writeAutoincrement } from '../../src/microkernel/files/autoincrement.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const AUTOINCREMENT = 15;
const DESCENDING = 0x40;
const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 200);
const NANOSECONDS = 1_000_000n;

function statusOf(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
}

function halvesOf(value: bigint): { high: number; low: number } {
  return { high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) };
}

function numberIn(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n;
  for (let i = at + length - 1; i >= at; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** Near what fits into 2, 4 and 8 bytes, and near what fits into a half. */
const VALUES = fc.oneof(
  fc.bigInt(0n, 2n ** 63n),
  fc
    .tuple(fc.constantFrom(15n, 31n, 32n, 33n, 63n), fc.bigInt(-3n, 0n))
    .map(([n, d]) => 2n ** n + d),
);

describe('numbers', () => {
  test(`follow the highest, or are 55 (seed ${SEED})`, () => {
    fc.assert(
      fc.property(VALUES, fc.constantFrom(2, 4, 8), (highest, length) => {
        const bytes = new Uint8Array(12).fill(0xee);
        const fits = highest + 1n < 2n ** BigInt(8 * length - 1);
        const status = statusOf(() => {
          writeAutoincrement(bytes, 1, length, halvesOf(highest));
        });
        expect(status).toBe(fits ? 0 : 55);
        if (fits) expect(numberIn(bytes, 1, length)).toBe(highest + 1n);
        expect([bytes[0], bytes[1 + length]]).toEqual([0xee, 0xee]);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test.each([
    [2, 1234n, 32_767n],
    [4, 70_000n, 2_147_483_647n],
    [8, 0x12_3456_7890n, 2n ** 63n - 1n],
  ] as const)('of %d bytes follow those in the index, by absolute value', (length, some, last) => {
    for (const flags of [0, DESCENDING]) {
      const engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
      const caller = new Caller(engine.client());
      const segment = { offset: 1, length, type: AUTOINCREMENT, flags };
      expect(caller.create(PATH, { recordLength: 12, keys: [[segment]] })).toBe(0);
      const { block } = caller.open(PATH);
      /** The number that a record gets; what is not zero is its own. Below zero the status. */
      const insert = (given = 0n): bigint => {
        const record = new Uint8Array(12);
        new DataView(record.buffer).setBigInt64(1, given, true);
        const { status, buffer } = caller.call(Op.INSERT, { block, data: record });
        return status === 0 ? numberIn(buffer, 1, length) : BigInt(-status);
      };
      expect(insert()).toBe(1n);
      insert(some);
      expect(insert()).toBe(some + 1n);
      insert(-some - 7n);
      expect(insert()).toBe(some + 8n);
      expect(caller.call(Op.DELETE, { block }).status).toBe(0);
      expect(insert()).toBe(some + 8n);
      insert(last);
      expect(insert()).toBe(-55n);
      engine.stop();
    }
  });
});

describe('times given', () => {
  const YEAR_2026 = 1_767_225_600_000;

  test(`are later each, never before the clock, and after what they follow (seed ${SEED})`, () => {
    const action = fc.oneof(
      fc.record({ clock: fc.oneof(fc.nat({ max: 2 ** 43 }), fc.nat({ max: 10 })) }),
      fc.record({ stored: fc.bigInt(0n, 2n ** 62n) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        let now = 0;
        let last = 0n;
        const stamps = new Stamps(() => now);
        const bytes = new Uint8Array(10);
        for (const each of actions) {
          if ('clock' in each) now = each.clock;
          else {
            stamps.follow(halvesOf(each.stored));
            if (each.stored > last) last = each.stored;
          }
          stamps.write(bytes, 1);
          const time = numberIn(bytes, 1, 8);
          const clock = BigInt(now) * NANOSECONDS;
          expect(time).toBe(clock > last ? clock : last + 1n);
          last = time;
        }
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  /** A clock that can be set. */
  const ports = () => {
    const made = memoryPorts(1);
    const clock = { now: YEAR_2026 };
    return { clock, ports: { ...made, clock: { ...made.clock, now: () => clock.now } } };
  };

  const byKind = key([asc('kind'), asc('at')], { modifiable: true });
  const Event = defineRecord(
    { at: autotimestamp(), kind: integer(4) },
    { keys: { byKind, byTime: key([asc('at'), asc('kind')], { modifiable: true }) } },
  );
  const Descending = defineRecord(
    { at: autotimestamp(), kind: integer(4) },
    { keys: { byKind, byTime: key([desc('at'), asc('kind')]) } },
  );

  test.each([
    ['ascending, behind a key that it is not first in', Event],
    ['descending', Descending],
  ] as const)('increase over closes, restarts and a clock that goes back: %s', (_, type) => {
    const world = ports();
    const times: bigint[] = [];
    const session = (clock: number, count: number): void => {
      world.clock.now = clock;
      const engine = MicroKernel.start({ root: '/d/root', ports: world.ports });
      const client = engine.client();
      if (times.length === 0) client.createFile(PATH, type);
      for (let open = 0; open < 2; open++) {
        const file = client.openFile(PATH, type);
        for (let n = 0; n < count; n++) times.push(file.insert({ kind: n }).at);
        file.close();
      }
      engine.stop();
    };
    session(YEAR_2026, 3);
    session(YEAR_2026, 2);
    session(YEAR_2026 - 86_400_000, 2);
    session(0, 2);
    session(YEAR_2026 + 1, 1);
    for (const [index, time] of times.entries()) {
      if (index > 0) expect(time).toBeGreaterThan(times[index - 1] ?? 0n);
    }
    expect(times.slice(0, 2)).toEqual([0n, 1n].map((n) => BigInt(YEAR_2026) * NANOSECONDS + n));
    expect(times.at(-2)).toBe(BigInt(YEAR_2026 + 1) * NANOSECONDS);
  });

  test('are not led astray by what stands for no time, and are 55 at the end of all', () => {
    const world = ports();
    const engine = MicroKernel.start({ root: '/d/root', ports: world.ports });
    const client = engine.client();
    for (const type of [Event, Descending]) {
      client.createFile(PATH, type, { replace: true });
      const file = client.openFile(PATH, type);
      for (const [kind, at] of [2n ** 64n - 1n, 2n ** 63n, 2n ** 63n - 1n].entries()) {
        file.insert({ at, kind });
      }
      const first = file.insert({ kind: 0 }).at;
      expect(first).toBe(BigInt(YEAR_2026) * NANOSECONDS);
      file.insert({ at: first + 5n, kind: 1 });
      expect(file.insert({ kind: 2 }).at).toBe(first + 6n);
      file.insert({ at: 2n ** 63n - 2n, kind: 3 });
      expect(statusOf(() => file.insert({ kind: 4 }))).toBe(55);
      expect(file.count).toBe(7);
      file.close();
    }
    engine.stop();
  });

  test('follow no time that a record was refused with', () => {
    const world = ports();
    const engine = MicroKernel.start({ root: '/d/root', ports: world.ports });
    const client = engine.client();
    client.createFile(PATH, Event);
    const file = client.openFile(PATH, Event);
    const { at } = file.insert({ kind: 1 });
    expect(statusOf(() => file.insert({ at, kind: 1 }))).toBe(5);
    file.update('byTime', { at, kind: 1 }, { at: at + 100n });
    expect(file.insert({ kind: 1 }).at).toBe(at + 101n);
    engine.stop();
  });
});
