/** Variable pages as in no sound file: told, where the format proves nothing. */
import { describe, expect, test } from 'vitest';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { NARROW_VARIABLE, PLAIN_FCR } from '../../src/legacy/legacy-layout.js';
import { memoryFiles } from '../support/legacy-memory-files.js';
import { madeOriginals, realOriginals, REAL_FOLDER } from '../support/originals.js';

const PAGE = 512;

function made(name: string): Buffer {
  const original = madeOriginals().find((each) => each.name === name);
  if (original === undefined) throw new Error(`there is no made file ${name}`);
  return Buffer.from(original.bytes());
}

/** What a look at the whole file gives: findings, and what is doubtful. */
function look(bytes: Uint8Array, owner = ''): { findings: number; doubts: string[] } {
  const files = memoryFiles({ '/a.btr': Uint8Array.from(bytes) });
  const file = LegacyFile.open('/a.btr', { files, owner });
  const { findingCount: findings } = checkLegacyContent(file);
  const doubts = file.warnings.filter(({ reason }) => reason === 'variable-page');
  return { findings, doubts: doubts.map(({ message }) => message) };
}

/** Variable pages of formats 3 to 5 that the first record of each leads to. */
function variablePages(bytes: Buffer): number[] {
  const file = LegacyFile.open('/a', { files: memoryFiles({ '/a': Uint8Array.from(bytes) }) });
  const found = new Set<number>();
  file.records.fragments.onVisit = (page) => void found.add(page);
  const steps = file.steps();
  while (steps.next()) file.read(steps.address, new Uint8Array(0));
  return [...found].sort((a, b) => a - b);
}

describe('a variable page', () => {
  test('of a made file is as those of real ones', () => {
    for (const { bytes, owner, name } of madeOriginals())
      expect([name, look(bytes(), owner).doubts]).toEqual([name, []]);
  });

  test.each(['4-variable', '6-variable'])('%s: whose last fragment ends too early', (name) => {
    const bytes = made(name);
    let told = 0;
    for (let end = PAGE; end <= bytes.length; end += PAGE) {
      for (let count = 1; count < 8; count++) {
        // Wherever the end of used space stands, one byte less leaves a byte behind it.
        const at = end - 2 * (count + 1);
        const changed = Buffer.from(bytes);
        changed.writeUInt16LE((bytes.readUInt16LE(at) - 1) & 0xffff, at);
        try {
          const { findings, doubts } = look(changed);
          if (findings === 0 && doubts.length > 0) {
            told++;
            expect(doubts).toHaveLength(1);
            expect(doubts[0]).toContain('there are bytes behind its last fragment');
            expect(doubts[0]).toContain(`at offset ${end - PAGE}`);
          }
        } catch {
          // Bytes of something else, without which the file is none.
        }
      }
    }
    expect(told).toBeGreaterThan(3);
  });

  test('whose first fragment begins too late', () => {
    const bytes = made('4-variable');
    const pages = variablePages(bytes);
    const doubts = pages.flatMap((page) => {
      const changed = Buffer.from(bytes);
      const at = (page + 1) * PAGE - 2;
      changed.writeUInt16LE(bytes.readUInt16LE(at) + 1, at);
      try {
        return look(changed).doubts;
      } catch {
        return [];
      }
    });
    expect(doubts.some((doubt) => doubt.includes('its first fragment begins at 13'))).toBe(true);
  });

  test('with room, and not in the list of those with room', () => {
    const bytes = made('4-variable');
    const pages = variablePages(bytes);
    const roomOf = (page: number): number => {
      const count = bytes.readUInt16LE(page * PAGE + NARROW_VARIABLE.count);
      const limit = PAGE - 2 * (count + 1);
      return limit - bytes.readUInt16LE(page * PAGE + limit);
    };
    const threshold = roomOf(pages[0] ?? 0);
    bytes.writeUInt16LE(threshold, PLAIN_FCR.threshold);
    const others = pages.filter((page) => roomOf(page) > threshold);
    expect(others.length).toBeGreaterThan(1);
    expect(look(bytes).doubts[0]).toContain(`(and ${others.length - 1} more)`);
    const link = (page: number, value: number): void =>
      void bytes.writeUInt32LE(value, page * PAGE + NARROW_VARIABLE.room);
    for (const page of others) link(page, 0xffff00);
    expect(look(bytes).doubts).toEqual([]);
    // Just as much room: in the list or not.
    link(pages[0] ?? 0, 0xffff00);
    expect(look(bytes).doubts).toEqual([]);
    const full = pages.find((page) => roomOf(page) < threshold);
    if (full === undefined) throw new Error('a page has less room');
    link(full, 0xffff00);
    expect(look(bytes).doubts[0]).toContain('is in the list of pages with');
  });

  test.skipIf(REAL_FOLDER === undefined)('of a real file raises no doubt', () => {
    for (const { name, bytes, owner } of realOriginals())
      expect([name, look(bytes(), owner).doubts]).toEqual([name, []]);
  });
});
