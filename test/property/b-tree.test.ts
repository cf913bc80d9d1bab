/**
 * An index through random lives, against a sorted list: insertions and removals of many patterns,
 * every kind of search, and the whole tree proved again and again.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BTree, type RowOrder } from '../../src/microkernel/trees/b-tree.js';
import { checkTree } from '../../src/microkernel/trees/check-tree.js';
import { orderedWord } from '../../src/microkernel/trees/index-page.js';
import { checkPages } from '../../src/microkernel/check.js';
import type { PageFile } from '../../src/microkernel/page-file.js';
import { SPACE } from '../../src/microkernel/pat.js';
import { randomFrom } from '../crash/world.js';
import { memoryFile } from '../support/memory-view.js';

const RUNS = Number(process.env['RUNS'] ?? 60);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

interface Life {
  readonly pageSize: number;
  readonly keyWords: number;
  readonly order: RowOrder;
  readonly balanced: boolean;
  readonly isNumeric: boolean;
  readonly pattern: 'random' | 'ascending' | 'descending' | 'groups' | 'shrink';
  readonly spread: number;
  readonly steps: number;
  readonly seed: number;
}

type Row = readonly number[];

function compareRows(a: Row, b: Row, n: number): number {
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return (a[i] ?? 0) < (b[i] ?? 0) ? -1 : 1;
  return 0;
}

/** Pages in use in the space of indexes. */
function pagesOf(file: PageFile): number {
  const { pages, free } = file.control.spaces[1];
  return pages - free;
}

/** A tree and the list that it must equal. */
class Twin {
  readonly rows: Row[] = [];
  file: PageFile;
  tree: BTree;
  readonly #random: () => number;
  readonly #where: ReturnType<typeof memoryFile>;
  readonly #root: number;
  #sequence = 0;
  #ascending = 0;

  readonly life: Life;

  constructor(life: Life) {
    this.life = life;
    this.#where = memoryFile(life.pageSize, 1 << 20, life.seed);
    this.#random = randomFrom(life.seed);
    this.file = this.#where.open();
    this.file.prepare();
    this.#root = BTree.plant(this.file);
    this.file.endOperation();
    this.tree = this.#tree();
  }

  #tree(): BTree {
    const { keyWords, order, balanced, isNumeric } = this.life;
    const shape = { key: 3, root: this.#root, keyWords, order, balanced, isNumeric };
    return new BTree(this.file, shape);
  }

  #number(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #newRow(): number[] {
    const { keyWords, order, pattern, spread } = this.life;
    const value = {
      random: () => this.#number(spread) - (spread >> 1),
      ascending: () => this.#ascending++,
      descending: () => 1_000_000 - this.#ascending++,
      groups: () => this.#number(7) * 10_000_000 + this.#ascending++,
      shrink: () => this.#number(spread),
    }[pattern]();
    const row = new Array<number>(keyWords).fill(-5);
    row[keyWords - 1] = value;
    if (order === 'linked') row.push(orderedWord(0), orderedWord(this.#sequence++));
    row.push(orderedWord(this.#sequence++ * 7));
    return row;
  }

  #place(row: Row, n: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareRows(this.rows[middle] ?? [], row, n) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(): void {
    const row = this.#newRow();
    const at = this.#place(row, this.tree.orderWords);
    const beside = this.rows[at];
    if (beside !== undefined && compareRows(beside, row, this.tree.orderWords) === 0) {
      expect(this.tree.atLeast(Int32Array.from(row), this.tree.orderWords)).toBe(true);
      expect(this.tree.matches(Int32Array.from(row), this.tree.orderWords)).toBe(true);
      return;
    }
    this.file.prepare();
    this.tree.insert(Int32Array.from(row));
    this.file.endOperation();
    this.rows.splice(at, 0, row);
  }

  /** Many rows at a time, wherever they belong: those of a run need not follow each other in the tree. */
  insertRun(): void {
    const n = this.tree.orderWords;
    const run: Row[] = [];
    for (let count = this.#number(60); count > 0; count--) {
      const row = this.#newRow();
      const isThere = (others: readonly Row[]): boolean =>
        others.some((other) => compareRows(other, row, n) === 0);
      if (!isThere(run) && !isThere(this.rows)) run.push(row);
    }
    const words = Int32Array.from(run.flat());
    const order = Uint32Array.from(run.keys()).sort((a, b) =>
      compareRows(run[a] ?? [], run[b] ?? [], n),
    );
    this.file.prepare();
    this.tree.insertRun(words, order, 0, order.length);
    this.file.endOperation();
    for (const row of run) this.rows.splice(this.#place(row, n), 0, row);
  }

  remove(): void {
    if (this.rows.length === 0) return;
    const at = this.life.pattern === 'ascending' ? 0 : this.#number(this.rows.length);
    const [row = []] = this.rows.splice(at, 1);
    const words = Int32Array.from(row);
    if (this.#random() < 0.5) this.#read(words);
    this.file.prepare();
    this.tree.remove(words);
    this.file.endOperation();
  }

  /** By its key, as a program does before it removes a record. */
  #read(words: Int32Array): void {
    expect(this.tree.atLeast(words, this.life.keyWords)).toBe(true);
    this.file.endOperation();
  }

  /** As an update does: a row is looked for in vain, another one goes, and the first is put in its place. */
  move(): void {
    const from = this.#number(this.rows.length);
    const old = this.rows[from];
    if (old === undefined) return;
    const last = this.life.keyWords - 1;
    const step = this.#random() < 0.7 ? -1 : 1;
    const row = old.map((word, index) => (index === last ? word + step : word));
    const words = Int32Array.from(row);
    const { orderWords } = this.tree;
    this.file.prepare();
    const isThere = this.tree.atLeast(words, orderWords) && this.tree.matches(words, orderWords);
    if (!isThere) {
      const found = this.tree.descents;
      this.tree.remove(Int32Array.from(old));
      this.tree.insert(words, found);
      this.rows.splice(from, 1);
      this.rows.splice(this.#place(row, orderWords), 0, row);
    }
    this.file.endOperation();
  }

  search(): void {
    const { keyWords } = this.life;
    const n = this.#random() < 0.5 ? keyWords : this.tree.orderWords;
    const row =
      this.#random() < 0.5
        ? this.#newRow()
        : (this.rows[this.#number(this.rows.length)] ?? this.#newRow());
    const probe = Int32Array.from(row);
    const low = this.#place(row, n);
    let high = low;
    while (high < this.rows.length && compareRows(this.rows[high] ?? [], row, n) === 0) high++;
    this.#expectAt(this.tree.atLeast(probe, n), low);
    this.#expectAt(this.tree.above(probe, n), high);
    this.#expectAt(this.tree.atMost(probe, n), high - 1);
    this.#expectAt(this.tree.below(probe, n), low - 1);
    const share = this.tree.shareOf(probe, n);
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(1);
    this.file.endOperation();
  }

  #expectAt(found: boolean, index: number): void {
    const row = this.rows[index];
    expect(found).toBe(row !== undefined);
    if (row === undefined) return;
    const copy = new Int32Array(this.tree.rowWords);
    this.tree.copyRow(copy);
    expect([...copy]).toEqual(row);
  }

  reopen(): void {
    this.file.close();
    this.file = this.#where.open();
    this.tree = this.#tree();
  }

  prove(): void {
    const { rows } = this;
    let at = 0;
    const problems: string[] = [];
    const pages = new Set<number>();
    checkTree(this.file, this.tree, {
      finding: (reason, message, page) => problems.push(`${reason}: ${message}, page ${page}`),
      page: (page) => !pages.has(page) && pages.add(page).size > 0,
      rows: (words, begin, count) => {
        const width = this.tree.rowWords;
        for (let from = begin; from < begin + count * width; from += width) {
          const row = rows[at++] ?? [];
          for (let i = 0; i < width; i++) {
            if (words[from + i] !== row[i]) problems.push(`row ${at - 1} differs`);
          }
        }
      },
      pause: () => this.file.endOperation(),
    });
    expect(problems).toEqual([]);
    expect(at).toBe(rows.length);
    let forward = 0;
    for (let more = this.tree.first(); more; more = this.tree.next()) forward++;
    this.file.endOperation();
    let backward = 0;
    for (let more = this.tree.last(); more; more = this.tree.previous()) backward++;
    this.file.endOperation();
    expect([forward, backward]).toEqual([rows.length, rows.length]);
    expect(pagesOf(this.file)).toBe(pages.size);
  }

  end(): void {
    this.file.prepare();
    while (!this.tree.uproot(5)) {
      this.file.endOperation();
      this.file.prepare();
    }
    this.file.free(SPACE.OTHER, this.tree.shape.root);
    this.file.endOperation();
    expect(pagesOf(this.file)).toBe(0);
    this.file.close();
    const handle = this.#where.ports.files.open(this.#where.path, 'read');
    expect(checkPages(handle).findings).toEqual([]);
    handle.close();
  }
}

function live(life: Life): void {
  const twin = new Twin(life);
  const random = randomFrom(life.seed ^ 0x5555);
  for (let step = 0; step < life.steps; step++) {
    const shrinking = life.pattern === 'shrink' && step > life.steps / 2;
    const dice = random();
    if (dice < 0.03) twin.insertRun();
    else if (dice < (shrinking ? 0.1 : 0.6)) twin.insert();
    else if (dice < 0.8) twin.remove();
    else if (dice < 0.9) twin.move();
    else twin.search();
    if (step % 200 === 199) twin.prove();
    if (step % 500 === 499) twin.reopen();
  }
  twin.prove();
  twin.end();
}

it(`an index equals a sorted list (${RUNS} lives, seed ${SEED})`, () => {
  fc.assert(
    fc.property(
      fc.record({
        pageSize: fc.constantFrom(512, 1024, 4096),
        keyWords: fc.constantFrom(1, 2, 5, 19),
        order: fc.constantFrom<RowOrder>('unique', 'linked', 'repeating'),
        balanced: fc.boolean(),
        isNumeric: fc.boolean(),
        pattern: fc.constantFrom<Life['pattern']>(
          'random',
          'ascending',
          'descending',
          'groups',
          'shrink',
        ),
        spread: fc.constantFrom(5, 100, 1_000_000),
        steps: fc.integer({ min: 50, max: 1500 }),
        seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
      }),
      live,
    ),
    { numRuns: RUNS, seed: SEED },
  );
});

it('pages are full after an ascending load', () => {
  const where = memoryFile(4096, 8 << 20);
  const file = where.open();
  file.prepare();
  const root = BTree.plant(file);
  const more = { order: 'unique', balanced: false, isNumeric: true } as const;
  const tree = new BTree(file, { key: 0, root, keyWords: 2, ...more });
  const row = new Int32Array(3);
  for (let value = 0; value < 100_000; value++) {
    file.prepare();
    row[1] = value;
    row[2] = orderedWord(value);
    tree.insert(row);
    file.endOperation();
  }
  const pages = pagesOf(file);
  expect(tree.entryCount).toBe(100_000);
  expect(100_000 / tree.leafCapacity / pages).toBeGreaterThan(0.98);
  file.close();
});
