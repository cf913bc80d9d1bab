/**
 * Copies of files in continuous operation, made in odd sizes while four clients write, piece by piece or by `dd`:
 * each opens, is sound, and has the records that were there at the start; the file itself has everything in the end.
 *
 * Of the environment: `SEED`, `RUNS` (rounds).
 */
import { spawn } from 'node:child_process';
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
import { Line, makeFile } from '../support/log-world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 200);
const CLIENTS = 4;
const WORK_IN_A_COPY = 20;
/** Rounds with one file: with more of them it grows, and every round with it. */
const ROUNDS_OF_A_FILE = 25;
/** One in so many copies is made by another process. */
const ONE_IN = 8;

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-copies-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

type LineFile = ReturnType<typeof makeFile>;

/** Four clients with one file open, and the records that it should have. */
class Writers {
  readonly #clients: readonly Client[];
  readonly #files: readonly LineFile[];
  readonly #records = new Map<number, string>();
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
      const all = [...this.#records.keys()];
      const some = all[Math.floor(this.#random() * all.length)] ?? 0;
      if (chance < 0.3 && all.length > 20) {
        file.delete('byN', some);
        this.#records.delete(some);
      } else if (chance < 0.6 && all.length > 0) {
        const text = `changed ${chance}`;
        file.update('byN', some, { text });
        this.#records.set(some, text);
      } else {
        client.transaction(() => {
          for (let m = 0; m < 3; m++) this.#insert(file);
        });
      }
    }
  }

  #insert(file: LineFile): void {
    const number = this.#next++;
    const text = `line ${number}`;
    file.insert({ n: number, text });
    this.#records.set(number, text);
  }

  /** What the file should have now, in the order of the key. */
  get model(): string[] {
    const all = [...this.#records].sort(([one], [other]) => one - other);
    return all.map(([n, text]) => `${n} ${text}`);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** What a file has, likewise. */
function recordsIn(client: Client, path: string): string[] {
  const file = client.openFile(path, Line);
  const records = [...file.scan('byN')].map(({ n, text }) => `${n} ${text}`);
  file.close();
  return records;
}

/** Copies by `dd`, calling `between` until it has ended. */
async function copyByDd(
  from: string,
  to: string,
  size: number,
  between: () => void,
): Promise<void> {
  const child = spawn('dd', [`if=${from}`, `of=${to}`, `bs=${size}`], { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const timer = setInterval(between, 1);
  try {
    expect(await ended).toBe(0);
  } finally {
    clearInterval(timer);
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

test(`copies made while others write are those of one moment (SEED=${SEED})`, async () => {
  const random = randomFrom(SEED);
  const settings = { operationBundleLimit: 7, initiationTimeLimitMs: 20 };
  const engine = MicroKernel.start({ root: join(directory, 'root'), settings });
  const other = MicroKernel.start({ root: join(directory, 'other') });
  const reader = other.client();
  const own = engine.client();
  let path = '';
  let writers: Writers | undefined;
  let [byDd, changed] = [0, 0];
  for (let round = 0; round < RUNS; round++) {
    if (writers === undefined || round % ROUNDS_OF_A_FILE === 0) {
      writers?.close();
      path = join(directory, `a${round}.dat`);
      makeFile(own, path).close();
      writers = new Writers(engine, path, random);
      writers.work(60);
    }
    const busy = writers;
    engine.startContinuous([path]);
    const [frozen, model] = [hashOf(path), busy.model];
    busy.work(Math.floor(random() * 40));
    const copy = join(directory, `copy${round}.dat`);
    const size = 1 + Math.floor(random() * 5000);
    if (process.platform !== 'win32' && Math.floor(random() * ONE_IN) === 0) {
      await copyByDd(path, copy, size, () => busy.work(2));
      byDd++;
    } else {
      // As often in a round, however many pieces there are: else each makes the file of the next one longer.
      const share = WORK_IN_A_COPY / Math.ceil(statSync(path).size / size);
      const between = (): void => {
        if (random() < share) busy.work(Math.floor(random() * 4));
      };
      copyInPieces(path, copy, () => size, between);
    }
    expect(hashOf(path), `round ${round}`).toBe(frozen);
    expect(checkFile(copy).findings).toEqual([]);
    expect(recordsIn(reader, copy)).toEqual(model);
    if (busy.model.join() !== model.join()) changed++;
    const steps = engine.endingContinuous([path]);
    while (steps.next().done !== true) busy.work(2);
    rmSync(copy);
    expect(recordsIn(own, path)).toEqual(busy.model);
  }
  other.stop();
  engine.stop();
  expect(checkFile(path).findings).toEqual([]);
  console.log(
    `seed ${SEED}: ${RUNS} copies, ${byDd} by dd, beside ${changed} of which the file was changed`,
  );
});
