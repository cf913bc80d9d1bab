/** Original files that lost the newer copy of their header: never taken for the older state, and recovered. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { recoverRecords, runTask } from '../../src/index.js';
import { SHADOW_FCR, SHADOW_PAT } from '../../src/legacy/legacy-layout.js';
import { MADE } from '../support/legacy-catalogue.js';
import { makeLegacyFile } from '../support/legacy-writer.js';
import { REAL_FOLDER } from '../support/originals.js';

let directory = '';
let path = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-lost-header-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  path = join(directory, 'a.btr');
});

async function codeOf(...words: readonly string[]): Promise<number> {
  return await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: join(directory, 'root') },
    out: () => undefined,
    err: () => undefined,
  });
}

async function expectRefused(): Promise<void> {
  const to = join(directory, 'b');
  const layout = join(directory, 'layout.json');
  writeFileSync(layout, '{"fields":[{"name":"a","type":"bytes","length":4}]}');
  expect(await codeOf('-rebuild', path, to)).toBe(2);
  expect(await codeOf('-save', path, to)).toBe(2);
  expect(await codeOf('-export', path, to, '--layout', layout)).toBe(2);
  expect(await codeOf('-clone', join(directory, 'empty.btr'), path)).toBe(0);
  expect(await codeOf('-copy', path, join(directory, 'empty.btr'))).toBe(2);
  expect(await codeOf('-check', path)).not.toBe(0);
  expect(await codeOf('-identify', path)).toBe(1);
  expect(await codeOf('-recover', path, join(directory, 'a.seq'))).toBe(1);
}

/** A file whose first copy of the header and of the page table are of the time when it was empty. */
function madeWithOlderState(): Uint8Array {
  const { bytes } = makeLegacyFile(MADE['6-fixed']!);
  const page = 512;
  const view = new DataView(bytes.buffer);
  bytes.copyWithin(0, page, 2 * page);
  view.setUint32(SHADOW_FCR.usage, 6, true);
  view.setUint32(SHADOW_FCR.records, 0, true);
  view.setUint32(2 * page + SHADOW_PAT.usage, 6, true);
  return bytes;
}

const DAMAGE: readonly (readonly [string, (bytes: Uint8Array, at: number) => void])[] = [
  ['lost', (bytes, at) => bytes.fill(0, at, 2 * at)],
  ['without its usage count', (bytes, at) => bytes.fill(0, at + 4, at + 8)],
];

describe('the newer copy of the header', () => {
  test('is there: all is well', async () => {
    writeFileSync(path, madeWithOlderState());
    expect(await codeOf('-identify', path)).toBe(0);
  });

  test.each(DAMAGE)('%s', async (_, damage) => {
    const bytes = madeWithOlderState();
    damage(bytes, 512);
    writeFileSync(path, bytes);
    await expectRefused();
    const result = runTask(recoverRecords(path, join(directory, 'c.seq')));
    const count = MADE['6-fixed']!.records.length;
    expect([result.recovered, result.unconfirmed]).toEqual([count, count]);
    expect(result.notes.join()).toContain('newer than the header');
  });

  const real = ['GALTELA.DAT', 'WGSMENU2.DAT'].flatMap((name) =>
    DAMAGE.map(([what, damage]) => [name, what, damage] as const),
  );
  test.skipIf(REAL_FOLDER === undefined).each(real)('of %s, %s', async (name, _, damage) => {
    const bytes = readFileSync(join(REAL_FOLDER ?? '', 'wbtrv32', name));
    writeFileSync(path, bytes);
    const whole = runTask(recoverRecords(path, join(directory, 'whole.seq')));
    damage(bytes, 4096);
    writeFileSync(path, bytes);
    await expectRefused();
    const result = runTask(recoverRecords(path, join(directory, 'c.seq')));
    expect(whole.recovered).toBeGreaterThan(0);
    expect(result.recovered).toBe(whole.recovered);
    expect(readFileSync(join(directory, 'c.seq'))).toEqual(
      readFileSync(join(directory, 'whole.seq')),
    );
  });
});
