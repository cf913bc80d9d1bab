/**
 * Readers that go through a file while others insert, update, delete, commit and abort: each record
 * that stays where it is comes once, none of them twice, and what comes is what is committed.
 *
 * By Get Next and Get Previous, by Step, and by scans of the typed API; inside of a transaction of their
 * own, too. `RUNS` and `SEED` of the environment say how many lives, and which.
 */
import { expect, it } from 'vitest';
import { defineRecord, integer, key, MicroKernel, Op, type Client } from '../../src/index.js';
import { randomFrom } from '../crash/world.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const RUNS = Number(process.env['RUNS'] ?? 150);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const PATH = '/d/a.dat';

const Item = defineRecord(
  { id: integer(4), place: integer(4), group: integer(4), value: integer(4) },
  {
    keys: {
      byId: key('id'),
      byPlace: key('place', { modifiable: true, duplicates: 'linked' }),
      byGroup: key('group', { modifiable: true, duplicates: 'repeating' }),
    },
  },
);
const KEY_NAMES = ['byId', 'byPlace', 'byGroup'] as const;
type KeyName = (typeof KEY_NAMES)[number];

interface Values {
  readonly id: number;
  readonly place: number;
  readonly group: number;
  readonly value: number;
}

function open(client: Client) {
  return client.openFile(PATH, Item);
}

/** Goes on with what one reader has begun: the next record, or undefined at the end. */
type Reader = () => Values | undefined;

class World {
  readonly #random: () => number;
  readonly #engine: MicroKernel;
  readonly reader: Client;
  readonly #writer: Client;
  readonly #file: ReturnType<typeof open>;
  readonly committed = new Map<number, Values>();
  /** What the transaction under way has changed. */
  readonly #changes = new Map<number, Values | undefined>();
  /** Records that it took to another place: back where it was, a duplicate is the last of its like. */
  readonly #displaced = new Set<number>();
  /** By reader: records that were moved, removed or made while it read. */
  readonly unsettled = new Set<string>();
  #lastId = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.#engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(seed) });
    this.reader = this.#engine.client();
    this.#writer = this.#engine.client();
    this.#writer.createFile(PATH, Item, { pageSize: 512 });
    this.#file = open(this.#writer);
    for (let left = this.below(250); left > 0; left--) this.#insert();
    this.#publish();
    this.unsettled.clear();
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  stop(): void {
    this.#engine.stop();
  }

  #publish(): void {
    for (const [id, values] of this.#changes) {
      const old = this.committed.get(id);
      this.unsettled.add(`step ${old === undefined || values === undefined ? id : -1}`);
      for (const name of KEY_NAMES) {
        if (
          old === undefined ||
          values === undefined ||
          fieldOf(name, old) !== fieldOf(name, values) ||
          (name === 'byPlace' && this.#displaced.has(id))
        )
          this.unsettled.add(`${name} ${id}`);
      }
      if (values === undefined) this.committed.delete(id);
      else this.committed.set(id, values);
    }
    this.#drop();
  }

  #drop(): void {
    this.#changes.clear();
    this.#displaced.clear();
  }

  #seen(id: number): Values | undefined {
    return this.#changes.has(id) ? this.#changes.get(id) : this.committed.get(id);
  }

  #insert(): void {
    const id = (++this.#lastId * 7919) % 100_003;
    const values = { id, place: this.below(60), group: this.below(5), value: 0 };
    this.#file.insert(values);
    this.#changes.set(id, values);
  }

  #some(): Values | undefined {
    const ids = [...this.committed.keys()];
    return this.#seen(ids[this.below(ids.length)] ?? -1);
  }

  #change(): void {
    const dot = this.below(10);
    const old = this.#some();
    if (dot < 4 || old === undefined) {
      this.#insert();
    } else if (dot < 6) {
      expect(this.#file.delete('byId', old.id)).toBe(true);
      this.#changes.set(old.id, undefined);
    } else {
      const place = dot < 8 ? old.place : this.below(60);
      const group = dot < 9 ? old.group : this.below(5);
      const values = { id: old.id, place, group, value: old.value + 1 };
      this.#file.update('byId', old.id, values);
      if (place !== old.place) this.#displaced.add(old.id);
      this.#changes.set(old.id, values);
    }
  }

  /** Some of what others do between two records that a reader gets. */
  stir(): void {
    const writer = this.#writer;
    for (let left = this.below(4); left > 0; left--) {
      if (!writer.isInTransaction && this.below(8) === 0) writer.beginTransaction();
      this.#change();
      if (!writer.isInTransaction) this.#publish();
      else if (this.below(10) === 0) this.#finish();
    }
  }

  #finish(): void {
    if (this.below(2) === 0) {
      this.#writer.endTransaction();
      this.#publish();
    } else {
      this.#writer.abortTransaction();
      this.#drop();
    }
  }
}

function fieldOf(name: KeyName, { id, place, group }: Values): number {
  return { byId: id, byPlace: place, byGroup: group }[name];
}

function valuesOf(data: Uint8Array): Values {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const [id = 0, place = 0, group = 0, value = 0] = [0, 4, 8, 12].map((at) =>
    view.getInt32(at, true),
  );
  return { id, place, group, value };
}

function typedReader(client: Client, name: KeyName | undefined, reverse: boolean): Reader {
  const file = open(client);
  const scan = name === undefined ? file.scan() : file.scan(name, { reverse });
  return () => {
    const { done, value } = scan.next();
    return done === true ? undefined : value;
  };
}

function classicReader(client: Client, name: KeyName | undefined, reverse: boolean): Reader {
  const caller = new Caller(client);
  const { block } = caller.open(PATH);
  const keyNumber = name === undefined ? 0 : KEY_NAMES.indexOf(name);
  const [first, next] =
    name === undefined
      ? [Op.STEP_FIRST, Op.STEP_NEXT]
      : reverse
        ? [Op.GET_LAST, Op.GET_PREVIOUS]
        : [Op.GET_FIRST, Op.GET_NEXT];
  let op: number = first;
  return () => {
    const { status, data } = caller.call(op, { block, room: 16, keyNumber });
    op = next;
    expect([0, 9]).toContain(status);
    return status === 0 ? valuesOf(data) : undefined;
  };
}

/** Records that were there at the beginning, and how often which came. */
function assertOnce(
  { unsettled }: World,
  name: KeyName | undefined,
  before: ReadonlySet<number>,
  times: ReadonlyMap<number, number>,
): void {
  const stays = (id: number): boolean => !unsettled.has(`${name ?? 'step'} ${id}`);
  for (const id of before) if (stays(id)) expect(times.get(id), `record ${id}`).toBe(1);
  // By physical order, and by a key that does not change, nothing comes twice whatever is done.
  if (name !== undefined && name !== 'byId') return;
  for (const [id, often] of times) expect(often, `record ${id}`).toBe(1);
}

/** Returns how many records came. */
function live(seed: number): number {
  const world = new World(seed);
  try {
    const name = [undefined, ...KEY_NAMES][world.below(4)];
    const reverse = name !== undefined && world.below(2) === 0;
    const read = (world.below(2) === 0 ? typedReader : classicReader)(world.reader, name, reverse);
    if (world.below(3) === 0) world.reader.beginTransaction();
    const before = new Set(world.committed.keys());
    const times = new Map<number, number>();
    let count = 0;
    for (let found = read(); found !== undefined && count < 5000; found = read()) {
      const { id, place, group, value } = found;
      expect({ id, place, group, value }).toEqual(world.committed.get(id));
      times.set(id, (times.get(id) ?? 0) + 1);
      count++;
      // More come than go, and the reader is to come to an end.
      if (count < 1000) world.stir();
    }
    assertOnce(world, name, before, times);
    return count;
  } finally {
    world.stop();
  }
}

it(`a reader gets what stays where it is once (${RUNS} lives, seed ${SEED})`, () => {
  const random = randomFrom(SEED);
  let count = 0;
  for (let run = 0; run < RUNS; run++) {
    const seed = Math.floor(random() * 0x7fff_ffff);
    try {
      count += live(seed);
    } catch (error) {
      throw new Error(`life ${run}, seed ${seed}`, { cause: error });
    }
  }
  expect(count).toBeGreaterThan(RUNS * 20);
});
