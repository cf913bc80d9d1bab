/**
 * Real files of the original, each compared with what is on record of it: format, lengths, keys, every
 * record, and every index walked in both directions.
 *
 * The files are no part of this project. `ISAMITE_LEGACY_FIXTURES` names the folder that has them, with its
 * `INDEX.json`; without it these tests are skipped.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';

const FOLDER = process.env['ISAMITE_LEGACY_FIXTURES'];

interface IndexSegment {
  readonly position: number;
  readonly length: number;
  readonly type: string;
  readonly flags: string;
  readonly null: number;
}

interface IndexEntry {
  readonly file: string;
  readonly formatVersion: string;
  readonly pageSize: number;
  readonly recordLength: number;
  readonly slotLength: number;
  readonly variable: boolean;
  readonly compressed: boolean;
  readonly fileFlags: string;
  readonly systemData: boolean;
  readonly ownerName: string | null;
  readonly ownerAccess: number | null;
  readonly encrypted: boolean;
  readonly acs: readonly string[];
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly keys: readonly {
    readonly number: number;
    readonly segments: readonly IndexSegment[];
    readonly entries: number;
    readonly nullKeys: number;
    readonly duplicates: string;
  }[];
  readonly recordsSha256: { readonly physicalOrder: string; readonly sorted: string };
}

function entries(): readonly IndexEntry[] {
  if (FOLDER === undefined) return [];
  const index = JSON.parse(readFileSync(join(FOLDER, 'INDEX.json'), 'utf8')) as {
    files: IndexEntry[];
  };
  return index.files;
}

const files = new NodeFileSystem({ worker: 'never' });

function open(entry: IndexEntry): LegacyFile {
  // Names that are not known stand there as dots; such files may be read without.
  const owner = entry.ownerAccess === 1 ? undefined : (entry.ownerName ?? undefined);
  return LegacyFile.open(join(FOLDER ?? '', entry.file), { files, owner });
}

function recordsOf(file: LegacyFile): Buffer[] {
  const steps = file.steps();
  const records: Buffer[] = [];
  const room = new Uint8Array(200_000);
  while (steps.next()) records.push(Buffer.from(room.subarray(0, file.read(steps.address, room))));
  return records;
}

function hash(records: readonly Buffer[]): string {
  const sum = createHash('sha256');
  for (const record of records) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(record.length);
    sum.update(length).update(record);
  }
  return sum.digest('hex');
}

const TYPES: Readonly<Record<string, number>> = {
  'old-string': 0,
  'old-binary': 14,
  string: 0,
  integer: 1,
  float: 2,
  date: 3,
  logical: 7,
  zstring: 11,
  unsigned: 14,
  autoinc: 15,
};

describe.skipIf(FOLDER === undefined)('real files', () => {
  test.each(entries())('$file is what it is', (entry) => {
    const file = open(entry);
    const { definition } = file;
    expect(file.format).toBe(entry.formatVersion);
    expect(file.certainty).toBe('verified');
    expect(definition.pageSize).toBe(entry.pageSize);
    expect(definition.recordLength).toBe(entry.recordLength);
    expect(file.header.slotLength).toBe(entry.slotLength);
    expect(file.header.isVariable).toBe(entry.variable);
    expect(file.header.isCompressed).toBe(entry.compressed);
    expect(file.header.flags).toBe(Number(entry.fileFlags));
    expect(definition.hasSystemData).toBe(entry.systemData);
    expect(file.recordCount).toBe(entry.recordCount);
    expect(definition.sequences.map((s) => (s.kind === 'user' ? s.name : ''))).toEqual(entry.acs);
    const isUnclean = entry.file.includes('unclean');
    expect(file.isUnclean).toBe(isUnclean);
    expect(file.warnings.length > 0).toBe(isUnclean);
    expect(
      definition.keys.map((key) => ({
        number: key.number,
        segments: key.segments.map(({ offset, length, flags, type, nullValue }) => ({
          offset,
          length,
          flags,
          type,
          nullValue,
        })),
      })),
    ).toEqual(
      entry.keys.map((key) => ({
        number: key.number,
        segments: key.segments.map((segment) => ({
          offset: segment.position - 1,
          length: segment.length,
          flags: Number(segment.flags),
          type: TYPES[segment.type],
          nullValue: segment.null,
        })),
      })),
    );
    file.close();
  });

  test.each(entries())('$file has its records', (entry) => {
    const file = open(entry);
    const records = recordsOf(file);
    expect(records.length).toBe(entry.recordCount);
    expect(records.reduce((sum, record) => sum + record.length, 0)).toBe(entry.recordBytes);
    expect(hash(records)).toBe(entry.recordsSha256.physicalOrder);
    expect(hash([...records].sort((a, b) => a.compare(b)))).toBe(entry.recordsSha256.sorted);
    file.close();
  });

  test.each(entries())('$file is read backwards, too', (entry) => {
    const file = open(entry);
    const [there, back]: number[][] = [[], []];
    const steps = file.steps();
    while (steps.next()) there?.push(steps.address);
    while (steps.previous()) back?.push(steps.address);
    expect(back?.reverse()).toEqual(there);
    file.close();
  });

  test.each(entries())('$file has its indexes, in order and complete', (entry) => {
    const file = open(entry);
    for (const key of entry.keys) {
      const index = file.index(key.number);
      const cursor = index.cursor();
      const [there, back, starts]: number[][] = [[], [], []];
      for (let found = cursor.first(); found; found = cursor.next()) {
        there?.push(cursor.address);
        if (cursor.isAtFirstOfEntry) starts?.push(cursor.address);
      }
      while (cursor.previous()) back?.push(cursor.address);
      expect(back?.reverse()).toEqual(there);
      expect(there?.length).toBe(entry.recordCount - key.nullKeys);
      expect(starts?.length).toBe(key.entries);
      expect(file.distinctValues(key.number)).toBe(key.entries);
      // Each record is found again by its value, and by its address.
      const value = new Uint8Array(index.keyLength);
      const other = index.cursor();
      for (const address of starts ?? []) {
        expect(other.anchor(address)).toBe(true);
        other.copyKey(value);
        expect(cursor.equal(value)).toBe(true);
        expect(cursor.address).toBe(address);
      }
    }
    file.close();
  });

  test.each(entries())('$file is proved', (entry) => {
    const file = open(entry);
    expect(checkLegacyContent(file)).toEqual({
      records: entry.recordCount,
      findings: [],
      findingCount: 0,
    });
    file.close();
  });

  test.each(entries().filter(({ ownerName }) => ownerName !== null))(
    '$file asks for its owner name',
    (entry) => {
      const path = join(FOLDER ?? '', entry.file);
      const refusal = expect.objectContaining({ status: 51 }) as Error;
      expect(() => LegacyFile.open(path, { files, owner: 'nobody' })).toThrow(refusal);
      const openWithout = (): void => LegacyFile.open(path, { files }).close();
      if (entry.ownerAccess === 1) openWithout();
      else expect(openWithout).toThrow(refusal);
    },
  );
});
