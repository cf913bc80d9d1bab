/** Original files whose beginning is damaged are still known as such, and nothing else is taken for one. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { identifyFile, MicroKernel, rebuildDirectory, runTask } from '../../src/index.js';
import { PLAIN_FCR, SHADOW_FCR, WIDE_FCR } from '../../src/legacy/legacy-layout.js';
import { legacyVersion } from '../../src/legacy/legacy-versions.js';
import { Caller } from '../support/caller.js';
import { madeOriginals, realOriginals, type TestOriginal } from '../support/originals.js';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-beginning-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
});

function put(bytes: Uint8Array): string {
  const path = join(directory, 'a.btr');
  writeFileSync(path, bytes);
  return path;
}

/** Offsets of version and page size, and the page size. */
function placesOf(bytes: Uint8Array): { version: number; pageSize: number; size: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fcr = [PLAIN_FCR, SHADOW_FCR, WIDE_FCR].find(
    ({ version }, i) =>
      legacyVersion(view.getInt16(version, true))?.family === ['plain', 'shadow', 'wide'][i],
  );
  if (fcr === undefined) throw new Error('no header');
  return { ...fcr, size: view.getUint16(fcr.pageSize, true) };
}

type Damage = (bytes: Uint8Array) => void;

const flip =
  (at: (bytes: Uint8Array) => number, mask: number): Damage =>
  (bytes) =>
    bytes.set([(bytes[at(bytes)] ?? 0) ^ mask], at(bytes));

const DAMAGE: Readonly<Record<string, Damage>> = {
  'first byte': flip(() => 0, 0x21),
  'second byte': flip(() => 1, 0xff),
  version: flip((bytes) => placesOf(bytes).version + 1, 0x70),
  'page size, odd': flip((bytes) => placesOf(bytes).pageSize, 0x05),
  'page size, another': flip((bytes) => placesOf(bytes).pageSize + 1, 0x06),
  'first page': (bytes) => bytes.fill(0, 0, Math.max(512, placesOf(bytes).size)),
};

/** In formats 3 to 5: of an encrypted file without a page size nothing can be known; one page is no proof. */
function canBeKnown(bytes: Uint8Array, damage: string): boolean {
  if (bytes[0] !== 0) return true;
  const { size } = placesOf(bytes);
  const isEncrypted = bytes[size + 2] !== 1;
  if (isEncrypted) return !/first page|page size/.test(damage);
  return bytes.length / size > 2 || damage !== 'first page';
}

function expectFound({ bytes: read, owner }: TestOriginal): void {
  const { records } = identifyFile(put(read()), { owner });
  for (const [what, damage] of Object.entries(DAMAGE)) {
    const bytes = Uint8Array.from(read());
    const isKnown = canBeKnown(bytes, what);
    damage(bytes);
    const found = identifyFile(put(bytes), { owner });
    if (isKnown) expect([what, found.kind]).toEqual([what, 'btrieve']);
    // The copy that is not read may be damaged without harm.
    if (found.isReadable && found.findingCount === 0)
      expect([what, found.records]).toEqual([what, records]);
  }
}

describe('the beginning is damaged', () => {
  test.each(madeOriginals())('$name', (original) => {
    expectFound(original);
  });

  const real = realOriginals();
  test.skipIf(real.length === 0).each(real)('real $name', (original) => {
    expectFound(original);
  });
});

test('commands say so, and a directory is not rebuilt without a word', async () => {
  const made = madeOriginals().find(({ name }) => name === '4-variable');
  const bytes = made?.bytes() ?? new Uint8Array();
  const path = put(bytes.fill(0, 0, 512));
  const out: string[] = [];
  const code = await butil(['-identify', path], {
    platform: 'linux',
    environment: {},
    out: (text) => out.push(text),
    err: () => undefined,
  });
  expect([code, out.join()]).toEqual([1, expect.stringContaining('perhaps Btrieve 3 to 5')]);
  const engine = MicroKernel.start({ root: join(directory, 'root') });
  const from = join(directory, 'from');
  mkdirSync(from);
  writeFileSync(join(from, 'a.btr'), bytes);
  const files = runTask(rebuildDirectory(engine.client(), from, join(directory, 'to')));
  engine.stop();
  expect(files).toMatchObject([{ name: 'a.btr', outcome: 'failed', status: 2 }]);
});

/** A file in an archive without compression: its beginning lies where the second copy of a header would. */
function archived(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(512);
  head.set(new TextEncoder().encode('orders.btr'));
  return Buffer.concat([head, bytes, new Uint8Array(1024)]);
}

function ownFile(): Uint8Array {
  const engine = MicroKernel.start({ root: join(directory, 'root') });
  const path = join(directory, 'own.btr');
  const caller = new Caller(engine.client());
  caller.create(path, { recordLength: 40, pageSize: 512, keys: [[{ offset: 0, length: 4 }]] });
  engine.stop();
  const bytes = readFileSync(path);
  return bytes.fill(0, 0, 512);
}

const noise = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 0xff);
const OTHERS: Readonly<Record<string, () => Uint8Array>> = {
  'an empty file': () => new Uint8Array(),
  'a short file': () => new Uint8Array(100),
  zeros: () => new Uint8Array(65_536),
  text: () => new TextEncoder().encode('The quick brown fox.\r\n'.repeat(2000)),
  noise: () => noise,
  'a picture': () =>
    Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), deflateSync(noise)]),
  'a zip': () => Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), gzipSync(noise)]),
  numbers: () => new Uint8Array(Uint32Array.from({ length: 8192 }, (_, i) => i).buffer),
  'a file of this engine without its first page': ownFile,
};

describe('is no Btrieve file', () => {
  test.each(Object.entries(OTHERS))('%s', (_, bytes) => {
    expect(identifyFile(put(bytes())).kind).toBe('other');
  });

  test.each(madeOriginals())('$name in an archive', ({ bytes }) => {
    expect(identifyFile(put(archived(bytes()))).kind).toBe('other');
  });
});
