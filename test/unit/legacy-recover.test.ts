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
  const [source, output] = [join(directory, 'a.btr'), join(directory, 'a.seq')];
  writeFileSync(source, bytes);
  const result = runTask(recoverRecords(source, output));
  const text = readFileSync(output);
  const records: string[] = [];
  for (let begin = 0; text[begin] !== 0x1a;) {
    const comma = text.indexOf(0x2c, begin);
    const end = comma + 1 + Number(text.toString('latin1', begin, comma));
    records.push(text.toString('latin1', comma + 1, end));
    begin = end + 2;
  }
  return { ...result, records };
}

function made(name: string): Uint8Array {
  return makeLegacyFile(MADE[name]!).bytes;
}

/** Its records, with the end of the page of each. */
function placesOf(name: string): { record: string; end: number }[] {
  const { bytes, addresses } = makeLegacyFile(MADE[name]!);
  const file = LegacyFile.open('/a', { files: memoryFiles({ '/a': bytes }) });
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
