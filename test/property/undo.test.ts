/**
 * Transactions of random lives are taken back, those that took others back included, and compared with a model: what
 * comes of it, and what is refused. Records have a variable part, are compressed, are counted by an autoincrement key and
 * have duplicates; logs are cut, the engine is stopped and killed.
 *
 * Of the environment: `RUNS` (lives) and `SEED`; both are printed.
 */
import { expect, it } from 'vitest';
import {
  autoincrement,
  defineRecord,
  key,
  MicroKernel,
  readArchive,
  string,
  undo,
  variable,
  type FileOf,
} from '../../src/index.js';
import { checkPages } from '../../src/microkernel/check.js';
import { randomFrom } from '../crash/world.js';
import { kill, newLogWorld, ROOT, type LogWorld } from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

const RUNS = Number(process.env['RUNS'] ?? 15);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const STEPS = 60;
const PATHS = ['/d/a.btr', '/d/b.btr'];

const Row = defineRecord(
  { id: autoincrement(4), name: string(8), notes: variable.text() },
  {
    keys: { byId: key('id'), byName: key('name', { duplicates: true, modifiable: true }) },
  },
);

type Rows = Map<number, string>;
type Numbers = (most: number) => number;

/** What a transaction has done to a record: `id` of file `of`. */
interface Done {
  readonly of: number;
  readonly id: number;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

interface Past {
  readonly tx: string;
  /** In order. */
  readonly work: readonly Done[];
}

class Life {
  #world: LogWorld = newLogWorld();
  #engine!: MicroKernel;
  #files: FileOf<typeof Row>[] = [];
  readonly #model: Rows[] = PATHS.map(() => new Map<number, string>());
  readonly #past: Past[] = [];
  readonly #next: Numbers;
  #seeds = 0;
  /** The last one. */
  #tx = 0;
  taken = 0;
  refused = 0;

  constructor(seed: number) {
    const random = randomFrom(seed);
    this.#next = (most) => Math.floor(random() * most);
    this.#start();
    for (const path of PATHS) this.#engine.client().createFile(path, Row, { compress: true });
    this.#open();
  }

  #start(): void {
    const ports = { ...this.#world.ports, random: memoryPorts(++this.#seeds).random };
    this.#engine = MicroKernel.start({
      ...{ root: ROOT, ports, archive: { logFor: (path) => path.replace(/btr$/, 'log') } },
      settings: { archivalLoggingSelectedFiles: true, transactionDurability: true },
    });
  }

  readonly #client = () => this.#engine.client({ name: 'life' });

  #open(): void {
    const client = this.#client();
    this.#files = PATHS.map((path) => client.openFile(path, Row));
  }

  step(): void {
    const kind = this.#next(12);
    if (kind < 6 || this.#past.length === 0) this.#change();
    else if (kind < 10) this.#undo();
    else if (kind === 10) this.#engine.archiveCut(PATHS[this.#next(2)] ?? '');
    else this.#restart(this.#next(2) === 0);
    this.#compare();
  }

  #restart(isKilled: boolean): void {
    if (isKilled) this.#world = kill(this.#world, this.#engine);
    else this.#engine.stop();
    this.#start();
    this.#open();
  }

  #change(): void {
    const client = this.#client();
    const files = PATHS.map((path) => client.openFile(path, Row));
    const work: Done[] = [];
    client.transaction(() => {
      const count = 1 + this.#next(5);
      for (let n = 0; n < count; n++) work.push(this.#one(files));
    });
    for (const file of files) file.close();
    this.#keep(work);
  }

  #one(files: readonly FileOf<typeof Row>[]): Done {
    const of = this.#next(2);
    const rows = this.#model[of] ?? new Map<number, string>();
    const ids = [...rows.keys()];
    const name = `n${this.#next(3)}`;
    const notes = 'x'.repeat(this.#next(4) * 150) + String(this.#next(1000));
    const after = `${name} ${notes}`;
    const kind = ids.length < 3 ? 0 : this.#next(3);
    if (kind === 0) {
      // A number that is free again at the end is given out again.
      const id = Math.max(0, ...ids) + 1;
      files[of]?.insert({ name, notes });
      rows.set(id, after);
      return { of, id, before: undefined, after };
    }
    const id = ids[this.#next(ids.length)] ?? 0;
    const before = rows.get(id);
    if (kind === 1) {
      files[of]?.update('byId', id, { name, notes });
      rows.set(id, after);
      return { of, id, before, after };
    }
    files[of]?.delete('byId', id);
    rows.delete(id);
    return { of, id, before, after: undefined };
  }

  /** Keeps what a transaction has done, if anything of it is logged. */
  #keep(work: readonly Done[]): void {
    this.#engine.archiveMark(undefined, 'now');
    const { files } = this.#world.ports;
    const numbers = PATHS.flatMap((path) => [...readArchive(path, { files })]);
    const tx = Math.max(...numbers.map(({ lsn = '0' }) => Number(lsn)));
    if (tx > this.#tx) this.#past.push({ tx: String(tx), work });
    this.#tx = tx;
  }

  #undo(): void {
    // Mostly one of the last, of which less was changed since.
    const far = this.#next(3) === 0 ? this.#past.length : Math.min(3, this.#past.length);
    const index = this.#past.length - 1 - this.#next(far);
    const { tx, work } = this.#past[index] ?? { tx: '', work: [] };
    const since = this.#past.slice(index + 1).flatMap((each) => each.work);
    const ends = new Map(work.map((each) => [`${each.of} ${each.id}`, each]));
    const begins = new Map(work.toReversed().map((each) => [`${each.of} ${each.id}`, each]));
    const isTouched = since.some(({ of, id }) => ends.get(`${of} ${id}`)?.after !== undefined);
    // Somebody has put back already what the transaction has removed: the key is taken.
    const isBack = [...ends.values()].some(
      ({ of, id, after }) =>
        after === undefined &&
        begins.get(`${of} ${id}`)?.before !== undefined &&
        this.#model[of]?.has(id) === true,
    );
    const { files } = this.#world.ports;
    const take = () => undo(this.#engine, this.#client(), PATHS, tx, { files });
    if (isTouched) {
      expect(take).toThrow(expect.objectContaining({ reason: 'changed-since' }));
      this.refused++;
      return;
    }
    if (isBack) {
      expect(take).toThrow(expect.objectContaining({ status: 5 }));
      this.refused++;
      return;
    }
    take();
    const taken = [...begins].map(([place, { of, id, before }]): Done => ({
      of,
      id,
      before: ends.get(place)?.after,
      after: before,
    }));
    // What has only been there for a moment leaves nothing to be taken back.
    const changed = taken.filter(({ before, after }) => (before ?? after) !== undefined);
    for (const { of, id, after } of changed) {
      if (after === undefined) this.#model[of]?.delete(id);
      else this.#model[of]?.set(id, after);
    }
    this.taken++;
    this.#keep(changed);
  }

  #compare(): void {
    for (const [of, file] of this.#files.entries()) {
      const found = [...file.scan('byId')].map(({ id, name, notes }) => [id, `${name} ${notes}`]);
      const rows = this.#model[of] ?? new Map<number, string>();
      expect(found).toEqual([...rows].sort(([one], [other]) => one - other));
      expect([...file.scan('byName')]).toHaveLength(rows.size);
    }
  }

  end(): void {
    this.#engine.stop();
    for (const path of PATHS) {
      const handle = this.#world.disk.open(path, 'read');
      expect(checkPages(handle).findings).toEqual([]);
      handle.close();
    }
  }
}

it(`what is taken back is as it was (${RUNS} lives, seed ${SEED})`, () => {
  let [taken, refused] = [0, 0];
  for (let run = 0; run < RUNS; run++) {
    const seed = SEED + run;
    try {
      const life = new Life(seed);
      for (let n = 0; n < STEPS; n++) life.step();
      life.end();
      taken += life.taken;
      refused += life.refused;
    } catch (error) {
      throw new Error(`SEED=${seed} RUNS=1: ${String(error)}`, { cause: error });
    }
  }
  console.log(`${taken} transactions taken back, ${refused} refused`);
  if (RUNS >= 5) expect(taken).toBeGreaterThan(RUNS);
}, 600_000);
