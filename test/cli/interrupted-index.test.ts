/** What an SINDEX that was killed leaves of a file: a copy of it as it was on disk in the middle. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { addIndex, MicroKernel, parseDescription } from '../../src/index.js';
import { unformatted } from './transcript.js';

const KEY = 'position=5 length=8 duplicates=y modifiable=y type=string segment=n';
/** More than there are between two calls of the progress. */
const RECORDS = 5000;
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-interrupted-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function at(name: string): string {
  return join(directory, name);
}

async function run(...words: string[]): Promise<string> {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: at('root') },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  return `${out.join('\n')}\n= ${code}`;
}

function killedWhileIndexing(): void {
  const engine = MicroKernel.start({ root: at('root') });
  try {
    const key = parseDescription(KEY, 'sindex', () => new Uint8Array());
    const onProgress = (): void => copyFileSync(at('a.btr'), at('killed.btr'));
    addIndex(engine.client(), at('a.btr'), key, { onProgress });
  } finally {
    engine.stop();
  }
}

/** A copy of the file that was killed with one more page that is damaged, so that it cannot be opened. */
async function damagedCopy(): Promise<string> {
  const path = at('damaged.btr');
  const whole = readFileSync(at('killed.btr'));
  for (let page = 2; page < 20; page++) {
    const bytes = Buffer.from(whole).fill(0xee, page * 1024, (page + 1) * 1024);
    writeFileSync(path, bytes);
    const [stat, description] = [await run('-stat', path), await run('-describe', path)];
    if (stat.includes('MKDE error = 2.') && description.includes('= 0')) return path;
  }
  throw new Error('no such page was found');
}

test('the key is not counted, that is said, and the next SINDEX makes it whole', async () => {
  writeFileSync(
    at('a.des'),
    'record=12 variable=n key=1 page=1024\n' +
      'position=1 length=4 duplicates=n modifiable=n type=unsigned segment=n\n',
  );
  writeFileSync(at('key.des'), KEY);
  const number = (n: number): string => `\\x${(n & 255).toString(16).padStart(2, '0')}`;
  const records = Array.from({ length: RECORDS }, (_, n) =>
    `${number(n)}${number(n >> 8)}\\x00\\x00name ${n % 1000}`.padEnd(24),
  );
  writeFileSync(at('a.seq'), unformatted(records));
  expect(await run('-create', at('a.btr'), at('a.des'))).toContain('= 0');
  expect(await run('-load', at('a.seq'), at('a.btr'))).toContain(`loaded = ${RECORDS}`);
  killedWhileIndexing();
  const half = await run('-stat', at('killed.btr'));
  expect(half).toContain('Total Number of Keys = 1\nTotal Number of Segments = 1\n');
  expect(half).toContain('Note: Making or dropping the index of key 1 was interrupted');
  expect(half).toContain('?? = Unknown');
  expect(half.match(/\?\?/g)).toHaveLength(1);
  const note = 'Note: Making or dropping the index of key 1 was interrupted: that key is left out.';
  const described = await run('-describe', at('killed.btr'));
  expect(described).toMatch(/^record=12 variable=n key=1 page=1024\r?\nposition=1 /m);
  expect(described.match(/^position=/gm)).toHaveLength(1);
  expect(described).toContain(note);
  expect(await run('-clone', at('clone.btr'), at('killed.btr'))).toContain(note);
  const clone = await run('-stat', at('clone.btr'));
  expect(clone).toContain('Total Number of Keys = 1\n');
  expect(clone).not.toContain('was interrupted');
  const damaged = await damagedCopy();
  expect(await run('-clone', at('second.btr'), damaged)).toContain('= 0');
  expect(await run('-stat', at('second.btr'))).toContain('Total Number of Keys = 1\n');
  const made = await run('-sindex', at('killed.btr'), at('key.des'));
  expect(made).toContain(
    `The index of key 1 was made.\nTotal number of records indexed = ${RECORDS}`,
  );
  const whole = await run('-stat', at('killed.btr'));
  expect(whole).toContain('Total Number of Keys = 2\n');
  expect(whole).not.toContain('was interrupted');
  expect(await run('-check', at('killed.btr'))).toContain('Nothing is wrong with this file.');
});
