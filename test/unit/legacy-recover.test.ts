/** RECOVER of original files that were cut or lost a table: every record of every page that is left comes out. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { PLAIN_FCR, SHADOW_PAT } from '../../src/legacy/legacy-layout.js';
import { recoverRecords, runTask, type RecoverResult } from '../../src/index.js';
import { MADE } from '../support/legacy-catalogue.js';
import { memoryFiles } from '../support/legacy-memory-files.js';
import { makeLegacyFile } from '../support/legacy-writer.js';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-recover-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
});

interface Recovered extends RecoverResult {
  readonly records: readonly string[];
}

function recover(bytes: Uint8Array): Recovered {
  const source = join(directory, 'a.btr');
  writeFileSync(source, bytes);
  return recoverFrom(source);
}

function recoverFrom(source: string, owner = ''): Recovered {
  const output = join(directory, 'a.seq');
  const result = runTask(recoverRecords(source, output, { owner }));
  const records = recordsIn(output);
  // From the other end it comes to the same.
  const { recovered } = runTask(recoverRecords(source, output, { owner, backward: true }));
  expect({ recovered, records: recordsIn(output).toReversed() }).toEqual({
    recovered: result.recovered,
    records,
  });
  return { ...result, records };
}

function recordsIn(output: string): string[] {
  const text = readFileSync(output);
  const records: string[] = [];
  for (let begin = 0; text[begin] !== 0x1a;) {
    const comma = text.indexOf(0x2c, begin);
    const end = comma + 1 + Number(text.toString('latin1', begin, comma));
    records.push(text.toString('latin1', comma + 1, end));
    begin = end + 2;
  }
  return records;
}

function made(name: string): Uint8Array {
  return makeLegacyFile(MADE[name]!).bytes;
}

/** Its records, with the end of the page of each. */
function placesOf(name: string): { record: string; end: number }[] {
  const { bytes, addresses } = makeLegacyFile(MADE[name]!);
  const owner = MADE[name]!.owner?.name;
  const file = LegacyFile.open('/a', { files: memoryFiles({ '/a': bytes }), owner });
  const { geometry, pages } = file.records;
  return addresses.map((address, i) => ({
    record: Buffer.from(MADE[name]!.records[i]!).toString('latin1'),
    end: pages.map.locate(geometry.pageOf(address)) + pages.pageSize,
  }));
}

describe('a file that was cut', () => {
  test.each(['6-fixed', '6-descending', '6-repeating', '6-two-tables', '9.5-fixed'])(
    '%s: what is in the pages that are left',
    (name) => {
      const bytes = made(name);
      const places = placesOf(name);
      const unit = name.startsWith('6') ? 512 : 4096;
      // The header and the first table are needed.
      const first = name.startsWith('6') ? 4 * 512 : 6 * 8192;
      const step = unit * Math.max(1, Math.floor((bytes.length - first) / unit / 12));
      for (let kept = first; kept < bytes.length; kept += step) {
        const { records, problemCount, notes } = recover(bytes.subarray(0, kept));
        const left = places.filter(({ end }) => end <= kept).map(({ record }) => record);
        expect([kept, records.toSorted()]).toEqual([kept, left.toSorted()]);
        if (left.length < places.length)
          expect([kept, problemCount + notes.length > 0]).toEqual([kept, true]);
      }
    },
  );
});

/** The file in pieces of so many bytes, without that of this number. */
function putPieces(bytes: Uint8Array, size: number, without: number): string {
  const source = join(directory, 'a.btr');
  for (let number = 0; number * size < bytes.length; number++) {
    if (number === without) continue;
    const name = number === 0 ? source : join(directory, `a.^0${number}`);
    writeFileSync(name, bytes.subarray(number * size, (number + 1) * size));
  }
  return source;
}

describe('a file of which a piece is missing', () => {
  const fixed = ['3-fixed', '4-descending', '4-encrypted', '6-fixed', '6-two-tables', '9.5-fixed'];

  test.each(fixed)('%s: the records of all other pieces, and which one is missing', (name) => {
    const bytes = made(name);
    const places = placesOf(name);
    const pageSize = MADE[name]!.pageSize;
    const first = name.startsWith('9') ? 6 * 8192 : 4 * pageSize;
    const size = Math.max(first, pageSize * Math.ceil(bytes.length / pageSize / 3));
    const count = Math.ceil(bytes.length / size);
    let missed = 0;
    for (let without = 1; without < count; without++) {
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      const source = putPieces(bytes, size, without);
      const result = recoverFrom(source, MADE[name]!.owner?.name);
      const isThere = (end: number): boolean => Math.floor((end - 1) / size) !== without;
      const left = places.filter(({ end }) => isThere(end)).map(({ record }) => record);
      missed += places.length - left.length;
      expect([without, result.records.toSorted()]).toEqual([without, left.toSorted()]);
      // The end of a file that is one piece otherwise may be anything.
      if (count === 2) continue;
      const [problem] = result.problems;
      expect(problem?.reason).toBe('missing-extension');
      expect(problem?.message).toContain(`a.^0${without}`);
      expect(result.lostPages).toBeGreaterThan(0);
      if (name !== '6-two-tables')
        expect(problem?.message).toContain(`${result.lostPages} pages cannot be reached`);
    }
    // All records of this one lie in the first piece.
    expect(count === 2 || name === '4-descending' || missed > 0).toBe(true);
  });

  test('formats 3 to 5: pieces of any length', () => {
    const bytes = made('3-fixed');
    const pageSize = MADE['3-fixed']!.pageSize;
    const [from, to] = [4 * pageSize, 5 * pageSize];
    const source = join(directory, 'a.btr');
    writeFileSync(source, bytes.subarray(0, from));
    writeFileSync(join(directory, 'a.^02'), bytes.subarray(to));
    const left = placesOf('3-fixed').filter(({ end }) => end <= from || end > to);
    const { records, lostPages } = recoverFrom(source);
    expect(records.toSorted()).toEqual(left.map(({ record }) => record).toSorted());
    expect(lostPages).toBe(1);
  });

  test.each(['4-variable', '5-compressed', '6-variable', '6-vat'])(
    '%s: no record that was not there, and those that miss a part are told',
    (name) => {
      const bytes = made(name);
      const pageSize = MADE[name]!.pageSize;
      const size = Math.max(4 * pageSize, pageSize * Math.ceil(bytes.length / pageSize / 3));
      const all = MADE[name]!.records.map((record) => Buffer.from(record).toString('latin1'));
      const source = putPieces(bytes, size, 1);
      const { records, problems, expected } = recoverFrom(source);
      expect(records.every((record) => all.includes(record))).toBe(true);
      expect(records.length).toBeLessThan(all.length);
      expect(expected).toBe(all.length);
      expect(problems[0]?.message).toContain('a.^01');
    },
  );
});

describe('a page table that is lost', () => {
  test('pages are found by their own numbers', () => {
    const bytes = made('6-fixed');
    for (const at of [2 * 512, 3 * 512]) bytes.fill(0xee, at, at + SHADOW_PAT.size);
    const { records, unconfirmed, notes } = recover(bytes);
    const all = MADE['6-fixed']!.records.map((record) => Buffer.from(record).toString('latin1'));
    expect(records.toSorted()).toEqual(all.toSorted());
    expect(unconfirmed).toBe(all.length);
    expect(notes.join()).toContain('page table 1 is lost');
  });

  test('of several the others confirm what is theirs', () => {
    const bytes = made('6-two-tables');
    const at = 2 * 512 + (512 / 4) * 512;
    for (const copy of [at, at + 512]) bytes.fill(0xee, copy, copy + SHADOW_PAT.size);
    const { recovered, unconfirmed } = recover(bytes);
    expect(recovered).toBe(MADE['6-two-tables']!.records.length);
    expect(unconfirmed).toBeLessThan(recovered);
  });
});

describe('formats 3 to 5 without their list of free slots', () => {
  test.each(['3-fixed', '4-descending', '5-compressed'])(
    '%s: without any index slots that cannot be free are records',
    (name) => {
      const bytes = made(name);
      const view = new DataView(bytes.buffer);
      view.setUint32(PLAIN_FCR.freeSlots, 0x1234_5679, true);
      // No keys: nothing else leads to records.
      view.setUint16(PLAIN_FCR.keys, 0, true);
      const { records, problems } = recover(bytes);
      const all = MADE[name]!.records.map((record) => Buffer.from(record).toString('latin1'));
      expect(records.every((record) => all.includes(record))).toBe(true);
      if (name !== '5-compressed') expect(records.length).toBeGreaterThan(all.length / 2);
      expect(problems.map(({ reason }) => reason)).toContain('free-slots');
    },
  );
});
