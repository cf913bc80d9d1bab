/** `butil -startbu`, `-endbu`, `-contops`, `-hotcopy`, and what `-stat` says meanwhile. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { checkFile, MicroKernel } from '../../src/index.js';
import { OWN_PAGE_TYPE } from '../../src/microkernel/layout.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

let directory = '';
let root = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-contops-'));
  root = join(directory, 'root');
  const engine = MicroKernel.start({ root });
  for (const name of ['a.btr', 'b.btr']) {
    const client = engine.client();
    add(client, makeFile(client, at(name)), 1, 20);
  }
  engine.stop();
});

afterEach(() => rmSync(directory, { recursive: true }));

function at(name: string): string {
  return join(directory, name);
}

async function run(...words: string[]) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  return { code, out: out.join('\n') };
}

async function json(...words: string[]) {
  const { code, out } = await run(...words, '--json');
  return { code, ...(JSON.parse(out) as { status: number; reason: string; result: unknown }) };
}

function insert(name: string, from: number, to: number): void {
  const engine = MicroKernel.start({ root });
  const client = engine.client();
  add(client, client.openFile(at(name), Line), from, to);
  engine.stop();
}

function numbers(name: string): number[] {
  const engine = MicroKernel.start({ root });
  try {
    return numbersIn(engine.client(), at(name));
  } finally {
    engine.stop();
  }
}

function hash(name: string): string {
  return createHash('sha256')
    .update(readFileSync(at(name)))
    .digest('hex');
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}

test('files of a list go in, are copied and worked in, and come out', async () => {
  writeFileSync(at('list'), `${at('a.btr')}\r\n${at('b.btr')}\r\n`);
  const started = await run('-startbu', `@${at('list')}`);
  expect(started.out).toContain('BUTIL-139: ');
  expect(started.out).toContain('The command completed successfully.');
  expect(started.code).toBe(0);
  const frozen = hash('a.btr');
  insert('a.btr', 21, 60);
  expect(hash('a.btr')).toBe(frozen);
  copyFileSync(at('a.btr'), at('copy.btr'));
  const stat = await run('-stat', at('a.btr'));
  expect(stat.out).toContain('Continuous Operation = since ');
  expect(stat.out).toContain('Total Number of Records = 60');
  expect(await json('-contops')).toMatchObject({
    code: 0,
    result: { files: [{ file: at('a.btr'), by: 'butil', state: 'active' }, { file: at('b.btr') }] },
  });
  expect(await json('-startbu', at('a.btr'))).toMatchObject({ code: 2, status: 88 });
  expect(await json('-endbu', `@${at('list')}`)).toMatchObject({ code: 0, status: 0 });
  expect(existsSync(at('a.^^^'))).toBe(false);
  expect(numbers('a.btr')).toEqual(upTo(60));
  expect(numbers('copy.btr')).toEqual(upTo(20));
  expect(checkFile(at('a.btr')).findingCount).toBe(0);
  expect(await json('-endbu', at('a.btr'))).toMatchObject({ code: 2, status: 41 });
});

test('-contops shows delta and growth in bytes and pages, as -stat does, of closed files too', async () => {
  await run('-startbu', at('a.btr'));
  insert('a.btr', 21, 2000);
  const { result: stat } = await json('-stat', at('a.btr'));
  const { pageSize, continuous } = stat as {
    pageSize: number;
    continuous: { deltaBytes: number; grownPages: number };
  };
  const { deltaBytes, grownPages } = continuous;
  expect(grownPages).toBeGreaterThan(10);
  expect(await json('-contops')).toMatchObject({
    result: {
      files: [
        {
          ...{ deltaBytes, grownPages, growthBytes: grownPages * pageSize },
          deltaPages: deltaBytes / pageSize,
        },
      ],
    },
  });
  const { out } = await run('-contops');
  expect(out).toContain(` bytes (${deltaBytes / pageSize} pages), grown by `);
  expect(out).toContain(` bytes (${grownPages} pages)`);
});

test('-A ends what butil has put in, --all everything', async () => {
  const engine = MicroKernel.start({ root });
  engine.startContinuous([at('b.btr')]);
  engine.stop();
  await run('-startbu', at('a.btr'));
  expect(await json('-endbu', '/A')).toMatchObject({ result: { files: [{ file: at('a.btr') }] } });
  expect(await json('-endbu', '-A')).toMatchObject({ result: { files: [] } });
  expect(await json('-endbu', '--all')).toMatchObject({
    result: { files: [{ file: at('b.btr') }] },
  });
});

test('changes are given up when that is asked for twice', async () => {
  await run('-startbu', at('a.btr'));
  insert('a.btr', 21, 40);
  const refused = await json('-endbu', at('a.btr'), '--discard');
  expect(refused).toMatchObject({ code: 2, reason: 'not-confirmed' });
  expect(numbers('a.btr')).toEqual(upTo(40));
  expect((await run('-endbu', at('a.btr'), '--discard', '--yes')).code).toBe(0);
  expect(numbers('a.btr')).toEqual(upTo(20));
  insert('a.btr', 21, 25);
  expect(numbers('a.btr')).toEqual(upTo(25));
});

test('a live delta that is gone is told with its remedy', async () => {
  await run('-startbu', at('a.btr'));
  insert('a.btr', 21, 40);
  rmSync(at('a.^^^'));
  const stat = await run('-stat', at('a.btr'));
  expect(stat.code).toBe(2);
  expect(stat.out).toContain('--discard --yes');
  expect((await run('-contops')).out).toContain('its delta is missing');
  expect((await run('-endbu', at('a.btr'), '--discard', '--yes')).code).toBe(0);
  expect(numbers('a.btr')).toEqual(upTo(20));
});

test('a delta that was cut short is told as that; what can be read of it is recovered', async () => {
  expect((await run('-startbu', at('a.btr'))).code).toBe(0);
  insert('a.btr', 21, 400);
  const whole = readFileSync(at('a.^^^'));
  // One page of it is damaged: no record of another page is lost.
  const { pageSize } = checkFile(at('a.btr'));
  const damaged = Buffer.from(whole);
  const page = damaged.length / pageSize - 1;
  damaged.fill(0xee, page * pageSize + 100, page * pageSize + 120);
  writeFileSync(at('a.^^^'), damaged);
  const recovered = await json('-recover', at('a.btr'), at('a.seq'));
  expect((recovered.result as { recovered: number }).recovered).toBeGreaterThan(200);
  writeFileSync(at('a.^^^'), whole.subarray(0, Math.floor(whole.length / 2)));
  const told = await run('-stat', at('a.btr'));
  expect(told.code).toBe(2);
  expect(told.out).toContain('was cut short');
  expect(told.out).toContain('--discard --yes');
  expect(told.out).not.toContain('-recover');
  expect(await json('-stat', at('a.btr'))).toMatchObject({ status: 2, reason: 'delta-missing' });
  expect(await json('-contops')).toMatchObject({ result: { files: [{ state: 'damaged' }] } });
  expect((await run('-endbu', at('a.btr'), '--discard', '--yes')).code).toBe(0);
  expect(numbers('a.btr')).toEqual(upTo(20));
});

test('-hotcopy copies files as they are, verified, and takes them out', async () => {
  mkdirSync(at('backup'));
  writeFileSync(at('list'), `${at('a.btr')}\n${at('b.btr')}\n`);
  expect((await run('-hotcopy', `@${at('list')}`, at('backup'))).code).toBe(0);
  expect(checkFile(at('backup/a.btr')).findingCount).toBe(0);
  expect(numbers('backup/b.btr')).toEqual(upTo(20));
  expect(await json('-contops')).toMatchObject({ result: { files: [] } });
  expect(await json('-hotcopy', at('a.btr'), at('backup'))).toMatchObject({ code: 2, status: 59 });
  expect((await run('-hotcopy', at('a.btr'), at('backup'), '--yes')).code).toBe(0);
  expect(await json('-hotcopy', at('a.btr'), at('nowhere'))).toMatchObject({ code: 2, status: 35 });
});

test('-hotcopy leaves no copy of a damaged file, and the file is out', async () => {
  mkdirSync(at('backup'));
  const engine = MicroKernel.start({ root });
  const client = engine.client();
  const file = client.openFile(at('a.btr'), Line);
  add(client, file, 21, 400);
  file.close();
  engine.stop();
  const { pageSize } = checkFile(at('a.btr'));
  const bytes = readFileSync(at('a.btr'));
  // What opening reads stays as it is: one of many pages of records is damaged.
  for (let page = bytes.length / pageSize - 1; page > 6; page--) {
    if (bytes[page * pageSize + 4] !== OWN_PAGE_TYPE.DATA) continue;
    bytes.fill(0xee, page * pageSize + 200, page * pageSize + 220);
  }
  writeFileSync(at('a.btr'), bytes);
  const copied = await json('-hotcopy', at('a.btr'), at('backup'));
  expect(copied).toMatchObject({ code: 2, status: 2, reason: 'checksum' });
  expect(readdirSync(at('backup'))).toEqual([]);
  expect(await json('-contops')).toMatchObject({ result: { files: [] } });
});

test('wrong command lines are exit 3', async () => {
  expect((await run('-endbu')).code).toBe(3);
  expect((await run('-endbu', at('a.btr'), '-A')).code).toBe(3);
  writeFileSync(at('empty'), '\n');
  expect((await run('-startbu', `@${at('empty')}`)).code).toBe(3);
  expect((await run('-startbu', `@${at('none')}`)).code).toBe(2);
});
