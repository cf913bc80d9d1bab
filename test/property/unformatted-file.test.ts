/**
 * Unformatted files: what is written is what is read, however the disk cuts it up, and any bytes are
 * read as a plain reader of the format would.
 *
 * `RUNS` and `SEED` of the environment say how many, and which; both are printed.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createUnformatted,
  openUnformatted,
  UnformattedError,
} from '../../src/maintenance/unformatted-file.js';
import { UNFORMATTED_BUFFER_SIZE } from '../../src/maintenance/unformatted-format.js';
import { writeFully } from '../../src/microkernel/disk-error.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { SimFileSystem } from '../support/sim-files.js';

const RUNS = Number(process.env['RUNS'] ?? 300);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };
const PATH = '/a.seq';

beforeAll(() => {
  console.log(`unformatted files: SEED=${SEED} RUNS=${RUNS}`);
});

/** A disk that reads and writes less than it was asked for. */
function stingy(seed: number): FileSystem {
  return new FaultyFileSystem(new SimFileSystem({ seed }), { seed, short: ['read', 'write'] });
}

const shortRecord = fc.uint8Array({ maxLength: 200 });
/** Around the size of the buffer, where things go wrong. */
const longRecord = fc
  .tuple(fc.integer({ min: -40, max: 40 }), fc.nat(255))
  .map(([more, fill]) => new Uint8Array(UNFORMATTED_BUFFER_SIZE + more).fill(fill));
const manyRecords = fc.oneof(
  { weight: 20, arbitrary: fc.array(shortRecord, { maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.oneof({ weight: 3, arbitrary: shortRecord }, { weight: 1, arbitrary: longRecord }),
      { maxLength: 6 },
    ),
  },
);

interface Reading {
  readonly records: readonly Buffer[];
  readonly error: UnformattedError | undefined;
}

function readAll(files: FileSystem): Reading {
  const reader = openUnformatted(files, PATH);
  const records: Buffer[] = [];
  let error: UnformattedError | undefined;
  try {
    while (reader.next()) {
      const { buffer, offset, length } = reader;
      records.push(Buffer.from(buffer.slice(offset, offset + length)));
      expect(reader.records).toBe(records.length);
    }
  } catch (caught) {
    if (!(caught instanceof UnformattedError)) throw caught;
    error = caught;
  } finally {
    reader.close();
  }
  return { records, error };
}

/** Bytes of the line end; undefined if there is none. */
function lineEnd([first, second]: Buffer): number | undefined {
  if (first === undefined || first === 0x1a) return 0;
  if (first === 0x0a) return 1;
  if (first !== 0x0d) return undefined;
  if (second === undefined) return 1;
  return second === 0x0a ? 2 : undefined;
}

/** The format once more, plainly: the records, and whether something is wrong behind them. */
function plainly(bytes: Buffer): { records: Buffer[]; isWhole: boolean } {
  const records: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    if (rest.length === 0 || rest[0] === 0x1a) return { records, isWhole: true };
    const head = /^(\d{1,10})[, ]/.exec(rest.toString('latin1', 0, 11));
    if (head === null) return { records, isWhole: false };
    const from = head[0].length;
    const data = rest.subarray(from, from + Number(head[1]));
    if (data.length < Number(head[1])) return { records, isWhole: false };
    const after = rest.subarray(from + data.length);
    const end = lineEnd(after);
    const isCut = end === 1 && after[0] === 0x0a && data.at(-1) === 0x0d;
    if (end === undefined || isCut) return { records, isWhole: false };
    records.push(data);
    rest = after.subarray(end);
  }
}

function put(files: FileSystem, path: string, bytes: Uint8Array): void {
  const handle = files.open(path, 'create');
  writeFully(handle, bytes, 0, bytes.length, 0);
  handle.close();
}

describe('unformatted files', () => {
  it('give back what was written, in one part or many', () => {
    const anyPartSize = fc.option(fc.constantFrom(30, 100, 1000, 5000), { nil: undefined });
    fc.assert(
      fc.property(manyRecords, anyPartSize, fc.nat(), (records, partSize, seed) => {
        const files = stingy(seed);
        const options = partSize === undefined ? {} : { partSize };
        const { writer, close } = createUnformatted(files, PATH, options);
        for (const record of records) writer.write(record, 0, record.length);
        writer.end();
        close();
        const { records: read, error } = readAll(files);
        expect(error).toBeUndefined();
        expect(read).toHaveLength(records.length);
        for (const [index, record] of records.entries())
          expect(Buffer.compare(read[index]!, record), `record ${index}`).toBe(0);
        const sizes = files.list('/').map((name) => files.open(`/${name}`, 'read').size());
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(writer.bytes);
      }),
      SETTINGS,
    );
  });

  const anyFrame = fc
    .tuple(shortRecord, fc.constantFrom(',', ' '), fc.constantFrom('\r\n', '\n', '\r', '', '\x1a'))
    .map(([data, separator, end]) =>
      Buffer.concat([Buffer.from(`${data.length}${separator}`), data, Buffer.from(end)]),
    );
  const change = fc.tuple(fc.nat(), fc.constantFrom(0, 0x0a, 0x0d, 0x1a, 0x20, 0x2c, 0x31, 0x39));

  it.each([
    ['any bytes', fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))],
    ['frames', fc.array(anyFrame, { maxLength: 6 }).map((frames) => Buffer.concat(frames))],
    [
      'good files with some bytes changed',
      fc
        .tuple(fc.array(shortRecord, { maxLength: 10 }), fc.array(change, { maxLength: 3 }))
        .map(([records, changes]) => {
          const bytes = Buffer.concat([
            ...records.flatMap((data) => [
              Buffer.from(`${data.length},`),
              Buffer.from(data),
              Buffer.from('\r\n'),
            ]),
            Buffer.of(0x1a),
          ]);
          for (const [at, to] of changes) bytes[at % bytes.length] = to;
          return bytes;
        }),
    ],
  ])('%s are read as a plain reader does, and parted anywhere', (_, anyBytes) => {
    fc.assert(
      fc.property(anyBytes, fc.nat(), fc.nat(), (bytes, cut, seed) => {
        const files = stingy(seed);
        const at = cut % (bytes.length + 1);
        put(files, PATH, bytes.subarray(0, at));
        put(files, '/a.~01', bytes.subarray(at));
        const { records, error } = readAll(files);
        const plain = plainly(bytes);
        expect(records).toEqual(plain.records);
        expect(error === undefined).toBe(plain.isWhole);
        if (error === undefined) return;
        expect(error.record).toBe(records.length + 1);
        const offset = error.offset + (error.file === PATH ? 0 : at);
        expect(offset).toBeLessThanOrEqual(bytes.length);
      }),
      SETTINGS,
    );
  });
});
