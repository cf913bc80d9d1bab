/**
 * Conversions of original files that were damaged at random: -rebuild, -save, -copy and -export either give just
 * the records that were there, or say that something is wrong. What they refuse leaves no output behind.
 *
 * As in `legacy-fuzz.test.ts` half of the runs change nothing that only a record says. In the others the records
 * may differ, as nobody can know; those only must end.
 *
 * `RUNS` and `SEED` of the environment say how many files, and which; both are printed.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BtrieveError,
  copyRecords,
  createFile,
  exportRecords,
  fileDefinition,
  MicroKernel,
  rebuildFile,
  recoverRecords,
  runTask,
  saveRecords,
  type Client,
} from '../../src/index.js';
import { randomFrom } from '../crash/world.js';
import { damage, ORIGINALS, type Original, type Random } from '../support/legacy-damage.js';
import { RECORD_LENGTH } from '../support/legacy-catalogue.js';

const RUNS = Number(process.env['RUNS'] ?? 1000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

let directory = '';
let engine: MicroKernel;
let client: Client;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-conversion-'));
  engine = MicroKernel.start({ root: join(directory, 'root') });
  client = engine.client();
});

afterAll(() => {
  engine.stop();
  rmSync(directory, { recursive: true });
});

function at(name: string): string {
  return join(directory, name);
}

/** The records in an unformatted file. */
function unformattedRecords(path: string): string[] {
  const bytes = readFileSync(path);
  const found: string[] = [];
  for (let begin = 0; bytes[begin] !== 0x1a;) {
    const comma = bytes.indexOf(0x2c, begin);
    const end = comma + 1 + Number(bytes.toString('latin1', begin, comma));
    found.push(bytes.toString('latin1', comma + 1, end));
    begin = end + 2;
  }
  return found;
}

/** The records of a file of this engine. */
function recordsOf(path: string): string[] {
  runTask(saveRecords(client, path, at('records.seq'), { order: 'physical' }));
  return unformattedRecords(at('records.seq'));
}

interface Converted {
  readonly records: readonly string[];
  /** Whether anything was said. */
  readonly isReported: boolean;
}

type Conversion = (source: string, owner: string) => Converted;

const LAYOUT = JSON.stringify({
  fields: [{ name: 'all', type: 'bytes', length: RECORD_LENGTH }],
  rest: { name: 'rest', type: 'bytes' },
});

function exported(line: string): string {
  const { all, rest } = JSON.parse(line) as { all: string; rest: string };
  return Buffer.concat([all, rest].map((text) => Buffer.from(text, 'base64'))).toString('latin1');
}

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  rebuild: (source, owner) => {
    const { notes, keys } = runTask(rebuildFile(client, source, at('out'), { owner }));
    const isOrdered = keys.every(({ isSameOrder }) => isSameOrder);
    return { records: recordsOf(at('out')), isReported: notes.length > 0 || !isOrdered };
  },
  save: (source, owner) => {
    const { notes, leftOut } = runTask(saveRecords(client, source, at('out'), { owner }));
    return { records: unformattedRecords(at('out')), isReported: notes.length + leftOut > 0 };
  },
  'save as they lie': (source, owner) => {
    const options = { owner, order: 'physical' } as const;
    const { notes, leftOut } = runTask(saveRecords(client, source, at('out'), options));
    return { records: unformattedRecords(at('out')), isReported: notes.length + leftOut > 0 };
  },
  copy: (source, owner) => {
    const definition = { ...fileDefinition(client, source, owner), keys: [] };
    createFile(client, at('target'), definition, { replace: true });
    const { notes, refused } = runTask(copyRecords(client, source, at('target'), { owner }));
    return { records: recordsOf(at('target')), isReported: notes.length + refused.count > 0 };
  },
  export: (source, owner) => {
    const options = { owner, layout: LAYOUT, format: 'jsonl', exact: true } as const;
    const { notes, leftOut } = runTask(exportRecords(client, source, at('out'), options));
    const lines = readFileSync(at('out'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    return { records: lines.map(exported), isReported: notes.length + leftOut > 0 };
  },
};

/** Undefined if it was refused. */
function convert(conversion: Conversion, { owner = '' }: Original): Converted | undefined {
  try {
    return conversion(at('source'), owner);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    expect(error.message).not.toMatch(/undefined|NaN|\[object/);
    return undefined;
  } finally {
    const left = readdirSync(directory).filter((name) => name.includes('.isamite-'));
    expect(left).toEqual([]);
    rmSync(at('out'), { force: true });
  }
}

/** What a recovery gives is what was there; or there is a finding, or nothing can be read. */
function recover({ owner = '' }: Original): Converted | undefined {
  try {
    const { notes, problemCount, recovered, expected, unconfirmed } = runTask(
      recoverRecords(at('source'), at('out'), { owner }),
    );
    const isWhole = problemCount === 0 && recovered === expected && unconfirmed === 0;
    return { records: unformattedRecords(at('out')), isReported: !isWhole || notes.length > 0 };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return undefined;
  } finally {
    rmSync(at('out'), { force: true });
  }
}

/** What became of the attempts. */
const counts = { converted: 0, refused: 0, reported: 0 };

function assertAllOf(found: readonly string[], { records }: Original): void {
  const same =
    found.length === records.length && found.toSorted().join() === records.toSorted().join();
  if (same) return;
  const known = new Set(records);
  const invented = found.filter((record) => !known.has(record)).length;
  throw new Error(
    `${found.length} of ${records.length} records, ${invented} of them invented, and nobody reported anything`,
  );
}

function run(number: number): void {
  const original = ORIGINALS[number % ORIGINALS.length]!;
  const next = randomFrom(SEED + number);
  const random: Random = (limit) => Math.floor(next() * limit);
  const isStrict = random(4) > 0;
  const { bytes, what } = damage(original, random, isStrict);
  writeFileSync(at('source'), bytes);
  const works: (readonly [string, () => Converted | undefined])[] = [
    ...Object.entries(CONVERSIONS).map(
      ([name, conversion]) => [name, () => convert(conversion, original)] as const,
    ),
    ['recover', () => recover(original)],
  ];
  // Two of them in turn: all would take the most of the time for files that come through all of them.
  const turn = random(works.length);
  const chosen = [turn, turn + 1 + random(works.length - 1)].map((i) => works[i % works.length]!);
  for (const [name, work] of chosen) {
    try {
      const converted = work();
      if (converted === undefined) counts.refused++;
      else if (converted.isReported) counts.reported++;
      else counts.converted++;
      if (isStrict && converted?.isReported === false) assertAllOf(converted.records, original);
    } catch (error) {
      const place = `${name} of ${original.name}, run ${number} of SEED=${SEED}: ${what}`;
      throw new Error(place, { cause: error });
    }
  }
}

test(`${RUNS} damaged files (SEED=${SEED})`, () => {
  for (let number = 0; number < RUNS; number++) run(number);
  console.log(`RUNS=${RUNS} SEED=${SEED} ${JSON.stringify(counts)}`);
  expect(existsSync(at('source'))).toBe(true);
});
