/**
 * Made files, of every format: what no real file at hand has. Each is read in every way and compared with
 * what it was made of.
 *
 * With `WRITE_LEGACY_FIXTURES` set, the files in `test/fixtures/legacy-made` are written anew.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import type { LegacyCursor, LegacyIndex } from '../../src/legacy/legacy-index.js';
import { MADE } from '../support/legacy-catalogue.js';
import { memoryFiles } from '../support/legacy-memory-files.js';
import { makeLegacyFile, type MadeRequest } from '../support/legacy-writer.js';

const FOLDER = fileURLToPath(new URL('../fixtures/legacy-made/', import.meta.url));
const names = Object.keys(MADE);

function requestOf(name: string): MadeRequest {
  return MADE[name]!;
}

function open(name: string, bytes = makeLegacyFile(requestOf(name)).bytes): LegacyFile {
  const owner = requestOf(name).owner?.name;
  return LegacyFile.open('/made.btr', { files: memoryFiles({ '/made.btr': bytes }), owner });
}

function readAt(file: LegacyFile, address: number): Buffer {
  const length = file.read(address, new Uint8Array(0));
  const record = Buffer.alloc(length);
  expect(file.read(address, record)).toBe(length);
  return record;
}

function walk(cursor: LegacyCursor, isForward: boolean): number[] {
  const addresses: number[] = [];
  let found = isForward ? cursor.first() : cursor.last();
  for (; found; found = isForward ? cursor.next() : cursor.previous())
    addresses.push(cursor.address);
  return addresses;
}

function compareWords(a: Int32Array, b: Int32Array): number {
  const at = a.findIndex((word, i) => word !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** Records with their words in the order of an index, nulls left out. */
function sorted(index: LegacyIndex, records: readonly Uint8Array[], addresses: readonly number[]) {
  return records
    .map((record, i) => {
      const words = new Int32Array(index.codec.wordCount);
      index.codec.encodeRecord(record, 0, words, 0);
      const value = new Uint8Array(index.keyLength);
      index.codec.extract(record, 0, value);
      return { words, value, address: addresses[i]!, isNull: index.codec.isNull(record, 0), i };
    })
    .filter(({ isNull }) => !isNull)
    .sort((a, b) => compareWords(a.words, b.words) || a.i - b.i);
}

describe('the files as they stand', () => {
  test.each(names)('%s is written byte for byte again', (name) => {
    const path = `${FOLDER}${name}.btr`;
    const { bytes } = makeLegacyFile(requestOf(name));
    if (process.env['WRITE_LEGACY_FIXTURES'] !== undefined) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(path, bytes);
    }
    expect(existsSync(path)).toBe(true);
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  });

  test('there are no others', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(names.map((name) => `${name}.btr`).sort());
  });
});

describe.each(names)('%s', (name) => {
  const request = requestOf(name);
  const made = makeLegacyFile(request);

  test('has the definition that it was made with', () => {
    const file = open(name);
    expect(file.format).toBe(name.replace(/-.*/, '').replace(/^6$/, '6.0'));
    expect(file.certainty).toBe('verified');
    expect(file.recordCount).toBe(request.records.length);
    expect(file.definition.pageSize).toBe(request.pageSize);
    expect(file.definition.recordLength).toBe(request.recordLength);
    expect(file.definition.sequences).toEqual(request.sequences ?? []);
    const segments = file.definition.keys.map((key) =>
      key.segments.map((one) => ({ ...one, flags: one.flags & ~0x10 })),
    );
    expect(segments).toEqual(request.keys.map((key) => key.segments));
    const isUnfinished = request.isUnfinished === true;
    expect(file.isUnclean).toBe(isUnfinished);
    expect(file.warnings.map(({ reason }) => reason).sort()).toEqual(
      isUnfinished ? ['not-closed', 'unfinished-change'] : [],
    );
    file.close();
  });

  test('has its records, forwards, backwards and by address', () => {
    const file = open(name);
    const steps = file.steps();
    const [there, back]: number[][] = [[], []];
    while (steps.next()) there!.push(steps.address);
    expect(steps.next()).toBe(false);
    while (steps.previous()) back!.push(steps.address);
    expect(there).toEqual(made.addresses);
    expect(back!.reverse()).toEqual(there);
    made.addresses.forEach((address, i) => {
      expect(readAt(file, address).equals(request.records[i]!)).toBe(true);
      expect(file.has(address)).toBe(true);
      expect(file.has(address + 1) && !made.addresses.includes(address + 1)).toBe(false);
      const part = new Uint8Array(10);
      file.read(address, part, 27);
      const expected = new Uint8Array(10);
      expected.set(request.records[i]!.subarray(27, 37));
      expect(part).toEqual(expected);
    });
  });

  test('has its indexes, and every seek finds its place', () => {
    const file = open(name);
    for (const { number } of file.definition.keys) {
      const index = file.index(number);
      const rows = sorted(index, request.records, made.addresses);
      const addresses = rows.map(({ address }) => address);
      const cursor = index.cursor();
      expect(walk(cursor, true)).toEqual(addresses);
      expect(cursor.next()).toBe(false);
      expect(walk(cursor, false)).toEqual([...addresses].reverse());
      const at = (found: boolean): number => (found ? cursor.address : -1);
      for (const { value, words } of rows) {
        const low = rows.findIndex((row) => compareWords(row.words, words) >= 0);
        const above = rows.findIndex((row) => compareWords(row.words, words) > 0);
        const high = above < 0 ? rows.length : above;
        expect(at(cursor.equal(value))).toBe(addresses[low]);
        expect(at(cursor.greaterOrEqual(value))).toBe(addresses[low]);
        expect(at(cursor.greater(value))).toBe(addresses[high] ?? -1);
        expect(at(cursor.less(value))).toBe(addresses[low - 1] ?? -1);
        expect(at(cursor.lessOrEqual(value))).toBe(addresses[high - 1]);
        // Currency: on from there, both ways.
        expect(at(cursor.next())).toBe(addresses[high] ?? -1);
        cursor.lessOrEqual(value);
        const twin = cursor.clone();
        expect(at(cursor.previous())).toBe(addresses[high - 2] ?? -1);
        expect(twin.next() ? twin.address : -1).toBe(addresses[high] ?? -1);
      }
      rows.forEach(({ address, value }, i) => {
        expect(cursor.anchor(address)).toBe(true);
        expect(cursor.address).toBe(address);
        const found = new Uint8Array(index.keyLength);
        cursor.copyKey(found);
        expect(found).toEqual(value);
        expect(at(cursor.next())).toBe(addresses[i + 1] ?? -1);
      });
      const missing = new Uint8Array(index.keyLength).fill(0xf3);
      expect(cursor.equal(missing)).toBe(false);
    }
  });

  test('leaves null values out of an index', () => {
    const file = open(name);
    for (const { number } of file.definition.keys) {
      const index = file.index(number);
      request.records.forEach((record, i) => {
        if (index.codec.isNull(record, 0))
          expect(index.cursor().anchor(made.addresses[i]!)).toBe(false);
      });
    }
  });

  test('is proved', () => {
    const file = open(name);
    expect(checkLegacyContent(file).findings).toEqual([]);
  });

  test('answers with shares that agree', () => {
    const file = open(name);
    const steps = file.steps();
    expect(steps.atShare(0) && steps.address).toBe(made.addresses[0]);
    expect(steps.atShare(1) && steps.address).toBe(made.addresses.at(-1));
    for (const { number } of file.definition.keys) {
      const cursor = file.index(number).cursor();
      const order = walk(cursor, true);
      let last = -1;
      for (let share = 0; share <= 1; share += 0.01) {
        expect(cursor.atShare(share)).toBe(true);
        const place = order.indexOf(cursor.address);
        expect(place).toBeGreaterThanOrEqual(last);
        last = place;
        expect(Math.abs(cursor.share() - share)).toBeLessThan(0.5);
      }
      expect(cursor.atShare(0) && cursor.address).toBe(order[0]);
      cursor.first();
      expect(cursor.share()).toBe(0);
    }
  });

  test('does not care how little memory there is', () => {
    const files = memoryFiles({ '/made.btr': made.bytes });
    const owner = request.owner?.name;
    const file = LegacyFile.open('/made.btr', { files, owner, cacheSize: 0 });
    expect(checkLegacyContent(file).findings).toEqual([]);
  });
});
