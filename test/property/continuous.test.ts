/**
 * Copies of files in continuous operation, made piece by piece in odd sizes while four clients write: each
 * opens, is sound, and is what was there at the start; the file itself has everything in the end.
 *
 * Of the environment: `SEED`, `RUNS` (rounds).
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkFile, MicroKernel, type Client } from '../../src/index.js';
import { randomFrom } from '../crash/world.js';
import { Line, makeFile, numbersIn } from '../support/log-world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 40);
const CLIENTS = 4;
const WORK_IN_A_COPY = 20;

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-copies-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

type LineFile = ReturnType<typeof makeFile>;

/** Four clients with one file open, and the numbers that it should have. */
class Writers {
  readonly #clients: readonly Client[];
  readonly #files: readonly LineFile[];
  readonly numbers = new Set<number>();
  readonly #random: () => number;
  #next = 1;

  constructor(engine: MicroKernel, path: string, random: () => number) {
    this.#random = random;
    this.#clients = Array.from({ length: CLIENTS }, () => engine.client());
    this.#files = this.#clients.map((client) => client.openFile(path, Line));
  }

  work(operations: number): void {
    for (let n = 0; n < operations; n++) {
      const which = Math.floor(this.#random() * CLIENTS);
      const [client, file] = [this.#clients[which], this.#files[which]];
      if (client === undefined || file === undefined) continue;
      const chance = this.#random();
      const some = [...this.numbers][Math.floor(this.#random() * this.numbers.size)] ?? 0;
      if (chance < 0.3 && this.numbers.size > 20) {
        file.delete('byN', some);
        this.numbers.delete(some);
      } else if (chance < 0.6) {
        file.update('byN', some, { text: `changed ${chance}` });
      } else {
        client.transaction(() => {
          for (let m = 0; m < 3; m++) this.#insert(file);
        });
      }
    }
  }

  #insert(file: LineFile): void {
    const number = this.#next++;
    file.insert({ n: number, text: `line ${number}` });
    this.numbers.add(number);
  }
}

/** Copies in pieces of any size, calling `between` between two of them. */
function copyInPieces(from: string, to: string, size: () => number, between: () => void): void {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  try {
    for (let at = 0; ;) {
      const bytes = new Uint8Array(size());
      const got = readSync(source, bytes, 0, bytes.length, at);
      if (got === 0) return;
      writeSync(target, bytes, 0, got, at);
      at += got;
      between();
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function sorted(numbers: Iterable<number>): number[] {
  return [...numbers].sort((one, other) => one - other);
}

test(`copies made while others write are those of one moment (SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  const settings = { operationBundleLimit: 7, initiationTimeLimitMs: 20 };
  const engine = MicroKernel.start({ root: join(directory, 'root'), settings });
  const other = MicroKernel.start({ root: join(directory, 'other') });
  const path = join(directory, 'a.dat');
  makeFile(engine.client(), path).close();
  const writers = new Writers(engine, path, random);
  writers.work(60);
  const reader = other.client();
  for (let round = 0; round < RUNS; round++) {
    engine.startContinuous([path]);
    const [frozen, numbers] = [hashOf(path), sorted(writers.numbers)];
    writers.work(Math.floor(random() * 40));
    const copy = join(directory, `copy${round}.dat`);
    const size = 1 + Math.floor(random() * 5000);
    // As often in a round, however many pieces there are: else each makes the file of the next one longer.
    const share = WORK_IN_A_COPY / Math.ceil(statSync(path).size / size);
    copyInPieces(
      path,
      copy,
      () => size,
      () => {
        if (random() < share) writers.work(Math.floor(random() * 4));
      },
    );
    expect(hashOf(path), `round ${round}`).toBe(frozen);
    expect(checkFile(copy).findings).toEqual([]);
    expect(numbersIn(reader, copy)).toEqual(numbers);
    const steps = engine.endingContinuous([path]);
    while (steps.next().done !== true) writers.work(2);
    rmSync(copy);
    expect(numbersIn(engine.client(), path)).toEqual(sorted(writers.numbers));
  }
  other.stop();
  engine.stop();
  expect(checkFile(path).findings).toEqual([]);
});
