/**
 * The event log, and what the production ports do as a process: with the worker thread while
 * starting, dying, missing, interrupted and cut short; without the native module; at exit.
 *
 * Child processes run a copy of the sources ("stage"), in which the worker can be replaced and
 * from which no `node_modules` is in reach.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FileEventLog,
  nodeClock,
  nodePorts,
  nodeRandom,
  nullEventLog,
} from '../../src/microkernel/node-ports.js';
import type { EventRecord } from '../../src/microkernel/ports.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(PROJECT, 'src', 'microkernel');
const ON_WINDOWS = process.platform === 'win32';
const RUNNING_AS_ROOT = process.getuid?.() === 0;

let root: string;
let path: string;

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'isamite-ports-'));
  path = join(root, 'event.log');
});
afterEach(() => fs.rmSync(root, { recursive: true }));

describe('event log', () => {
  const clock = { now: () => Date.UTC(2024, 1, 29, 12, 30, 15, 7), monotonic: () => 0 };

  function event(text: string, fields: EventRecord['fields'] = {}): EventRecord {
    return { severity: 'I', id: 'test-event', fields, text };
  }
  function lines(file = path): string[] {
    const content = fs.readFileSync(file, 'utf8');
    expect(content.endsWith('\n')).toBe(true);
    return content.slice(0, -1).split('\n');
  }

  const VALUE = String.raw`(?:"(?:[^"\\]|\\.)*"|[^\s"=]+)`;
  const LINE = new RegExp(
    String.raw`^(\S+) ([IWE]) (\d+) ([\w.-]+)((?: [\w.-]+=${VALUE})*)(?: (.*))?$`,
    'u',
  );

  function unquoted(text: string): string {
    return text.startsWith('"') ? (JSON.parse(text) as string) : text;
  }
  /** What anybody can take a line apart with. */
  function parse(line: string) {
    const match = LINE.exec(line);
    expect(match, line).not.toBeNull();
    const [, time, severity, pid, id, fieldList = '', text = ''] = match!;
    const fields: Record<string, string> = {};
    for (const [, key, value] of fieldList.matchAll(
      new RegExp(String.raw` ([\w.-]+)=(${VALUE})`, 'gu'),
    )) {
      fields[key!] = unquoted(value!);
    }
    return { time, severity, pid, id, fields, text: unquoted(text) };
  }

  it('writes one line per event: time, severity, pid, id, fields, text', () => {
    const log = new FileEventLog(path, { clock });
    log.write({ severity: 'W', id: 'file-held', fields: { page: 7, file: '/a/b' }, text: 'Held.' });
    log.write({ severity: 'E', id: 'log-stopped', text: 'The log stopped.' });
    expect(fs.readFileSync(path, 'utf8')).toBe(
      `2024-02-29T12:30:15.007Z W ${process.pid} file-held page=7 file=/a/b Held.\n` +
        `2024-02-29T12:30:15.007Z E ${process.pid} log-stopped The log stopped.\n`,
    );
    expect(log.failureCount).toBe(0);
  });

  it.each([
    ['a b', '"a b"'],
    ['a"b', String.raw`"a\"b"`],
    ['a=b', '"a=b"'],
    ['', '""'],
    ['a\nb', String.raw`"a\nb"`],
    ['a\u2028b', String.raw`"a\u2028b"`],
    ['a\u0085b\u007f', String.raw`"a\u0085b\u007f"`],
    ['a\u202egnp', String.raw`"a\u202egnp"`],
    ['\u{e0001}', String.raw`"\udb40\udc01"`],
    ['a\0b', String.raw`"a\u0000b"`],
    ['\ud800', String.raw`"\ud800"`],
    ['C:\\data\\ä.btr', 'C:\\data\\ä.btr'],
  ])('writes the value %j as %s', (value, written) => {
    new FileEventLog(path, { clock }).write(event('Text.', { value, after: 1 }));
    expect(lines()).toEqual([
      `2024-02-29T12:30:15.007Z I ${process.pid} test-event value=${written} after=1 Text.`,
    ]);
  });

  it('quotes a text that could be taken for a field or for more than one line', () => {
    const log = new FileEventLog(path, { clock });
    const texts = ['owner=me said so', '"quoted" it was', 'one\ntwo', 'one\r\ntwo', 'a b=c', ''];
    for (const text of texts) log.write(event(text, { key: 'v' }));
    expect(lines().map((line) => line.split(' key=v')[1])).toEqual([
      ' "owner=me said so"',
      String.raw` "\"quoted\" it was"`,
      String.raw` "one\ntwo"`,
      String.raw` "one\r\ntwo"`,
      ' a b=c',
      '',
    ]);
  });

  it('lets no id or key break the line', () => {
    new FileEventLog(path, { clock }).write({
      severity: 'I',
      id: 'a b\nc',
      fields: { 'x=\n': 'v', '': 'w' },
      text: 'Text.',
    });
    expect(parse(lines()[0]!)).toMatchObject({ id: 'a-b-c', fields: { 'x--': 'v', '-': 'w' } });
  });

  it('can be taken apart again, whatever was written', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom('a', ' ', '=', '"', '\\', '\n', '\r', '\u2028', '\ud800'),
      }),
    );
    const key = fc.stringMatching(/^[\w.-]+$/u).filter((name) => name !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(key, anyText), anyText, (fields, text) => {
        fs.rmSync(path, { force: true });
        const log = new FileEventLog(path, { clock });
        log.write(event(text, fields));
        log.write(event('next'));
        expect(log.failureCount).toBe(0);
        const found = lines();
        expect(found.length).toBe(2);
        // As bytes a lone surrogate would not come back; quoted it does.
        const parsed = parse(found[0]!);
        expect({ ...parsed.fields }).toEqual({ ...fields });
        expect(parsed.text).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('is set aside before it grows past the limit, and the oldest is dropped', () => {
    const log = new FileEventLog(path, { clock, rotateAtBytes: 1000 });
    const count = 200;
    for (let number = 0; number < count; number++) log.write(event('Text.', { number }));
    expect(log.failureCount).toBe(0);
    expect(fs.readdirSync(root).sort()).toEqual([
      'event.log',
      ...[1, 2, 3, 4, 5].map((number) => `event.log.${number}`),
    ]);
    const numbers: number[] = [];
    for (const suffix of ['.5', '.4', '.3', '.2', '.1', '']) {
      const { size, mode } = fs.statSync(path + suffix);
      expect(size).toBeLessThanOrEqual(1000);
      if (suffix !== '') expect(size).toBeGreaterThan(900);
      if (!ON_WINDOWS) expect(mode & 0o777).toBe(0o600);
      numbers.push(...lines(path + suffix).map((line) => Number(parse(line).fields['number'])));
    }
    // Nothing missing between the oldest kept and the last.
    expect(numbers.at(-1)).toBe(count - 1);
    expect(numbers).toEqual(numbers.map((_, index) => count - numbers.length + index));
    expect(numbers.length).toBeLessThan(count);
  });

  it('keeps as many as it is told', () => {
    const log = new FileEventLog(path, { rotateAtBytes: 1, keptCount: 2 });
    for (let number = 0; number < 9; number++) log.write(event('Text.', { number }));
    expect(fs.readdirSync(root).sort()).toEqual(['event.log', 'event.log.1', 'event.log.2']);
    const none = new FileEventLog(join(root, 'other.log'), { rotateAtBytes: 1, keptCount: 0 });
    for (let number = 0; number < 9; number++) none.write(event('Text.', { number }));
    expect(fs.readdirSync(root).filter((name) => name.startsWith('other'))).toEqual(['other.log']);
    expect(log.failureCount + none.failureCount).toBe(0);
  });

  it('sets aside at 10 MB unless told otherwise', () => {
    fs.writeFileSync(path, `${'x'.repeat(10 * 1024 * 1024 - 200)}\n`);
    const log = new FileEventLog(path);
    log.write(event('Fits.'));
    expect(fs.existsSync(`${path}.1`)).toBe(false);
    log.write(event('x'.repeat(200)));
    expect(fs.existsSync(`${path}.1`)).toBe(true);
    expect(lines().length).toBe(1);
  });

  it('ends a line that was cut short before it goes on', () => {
    fs.writeFileSync(path, '2024-02-29T12:30:15.007Z I 1 cut-off Half a l');
    const log = new FileEventLog(path, { clock });
    log.write(event('Whole.'));
    log.write(event('Whole too.'));
    expect(lines().length).toBe(3);
    expect(parse(lines()[1]!).text).toBe('Whole.');
  });

  it('may be moved away, and shared', () => {
    const log = new FileEventLog(path);
    const other = new FileEventLog(path);
    log.write(event('one'));
    other.write(event('two'));
    fs.renameSync(path, `${path}.moved`);
    log.write(event('three'));
    expect(lines(`${path}.moved`).map((line) => parse(line).text)).toEqual(['one', 'two']);
    expect(lines().map((line) => parse(line).text)).toEqual(['three']);
  });

  it('counts what could not be written and never throws', () => {
    const nowhere = new FileEventLog(join(root, 'none', 'event.log'));
    nowhere.write(event('one'));
    nowhere.write(event('two'));
    expect(nowhere.failureCount).toBe(2);
    fs.mkdirSync(path);
    const directory = new FileEventLog(path);
    directory.write(event('one'));
    expect(directory.failureCount).toBe(1);
    const timeless = new FileEventLog(join(root, 'b'), {
      clock: { now: () => NaN, monotonic: () => 0 },
    });
    timeless.write(event('one'));
    expect(timeless.failureCount).toBe(1);
  });

  it('goes on for a while when it cannot be set aside, not without end', () => {
    fs.mkdirSync(join(`${path}.1`, 'in the way'), { recursive: true });
    const log = new FileEventLog(path, { clock, rotateAtBytes: 1000, keptCount: 1 });
    for (let number = 0; number < 100; number++) log.write(event('Text.', { number }));
    const { size } = fs.statSync(path);
    expect(size).toBeGreaterThan(1000);
    expect(size).toBeLessThanOrEqual(2000);
    expect(log.failureCount).toBeGreaterThanOrEqual(100 - lines().length);
    fs.rmSync(`${path}.1`, { recursive: true });
    log.write(event('at last'));
    expect(lines().map((line) => parse(line).text)).toEqual(['at last']);
  });

  it.skipIf(ON_WINDOWS || RUNNING_AS_ROOT)('counts a file that it may not write', () => {
    fs.writeFileSync(path, '', { mode: 0o400 });
    const log = new FileEventLog(path);
    log.write(event('one'));
    expect(log.failureCount).toBe(1);
  });
});

describe('node ports', () => {
  it('tell the time, and time that never goes back', () => {
    expect(Math.abs(nodeClock.now() - Date.now())).toBeLessThan(60_000);
    let last = nodeClock.monotonic();
    for (let round = 0; round < 1000; round++) {
      const next = nodeClock.monotonic();
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
  });

  it('fill memory of any kind with random bytes, and only what they are given', () => {
    for (const memory of [new Uint8Array(256), new Uint8Array(new SharedArrayBuffer(256))]) {
      nodeRandom.fill(memory.subarray(64, 192));
      expect(new Set(memory.subarray(64, 192)).size).toBeGreaterThan(16);
      expect(memory.subarray(0, 64).every((byte) => byte === 0)).toBe(true);
      expect(memory.subarray(192).every((byte) => byte === 0)).toBe(true);
    }
    nodeRandom.fill(new Uint8Array(0));
  });

  it('come in one hand, with an event log or without', () => {
    const record: EventRecord = { severity: 'I', id: 'a', text: 'b' };
    const silent = nodePorts();
    expect(silent.events).toBe(nullEventLog);
    silent.events.write(record);
    const { files, events } = nodePorts({ eventLogPath: path, worker: 'never' });
    events.write(record);
    const handle = files.open(path, 'read');
    expect(handle.size()).toBeGreaterThan(20);
    handle.close();
  });
});

describe('as a process', () => {
  /** The files, and what they need. */
  const STAGE = [
    ...[
      'assert.ts',
      'bytes.ts',
      'direct-writer.ts',
      'disk-error.ts',
      'layout-table.ts',
      'layout.ts',
    ],
    ...['node-files.ts', 'page-seal.ts', 'ports.ts'],
  ];
  const WORKER_URL = JSON.stringify(new URL('../../src/microkernel/io-worker.js', import.meta.url));

  /**
   * Runs a program over a copy of the sources with this worker: undefined for the real one, empty
   * for none. It must end by itself, well, and say nothing on standard error.
   */
  function run(program: string, worker?: string, shell?: string) {
    for (const file of STAGE) {
      fs.copyFileSync(join(SOURCES, file), join(root, file));
    }
    fs.writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
    const source = worker ?? fs.readFileSync(join(SOURCES, 'io-worker.js'), 'utf8');
    if (source !== '') fs.writeFileSync(join(root, 'io-worker.js'), source);
    const script = join(root, 'program.ts');
    fs.writeFileSync(
      script,
      `import fs from 'node:fs';
      import { NodeFileSystem } from './node-files.ts';
      const files = new NodeFileSystem();
      const path = ${JSON.stringify(join(root, 'data'))};
      function memory(length: number, fill: number) {
        return new Uint8Array(new SharedArrayBuffer(length)).fill(fill);
      }
      function piece(buffer: Uint8Array, at: number) {
        return { buffer, offset: 0, length: buffer.length, at };
      }
      function outcome(call: () => unknown) {
        try { call(); return 'done'; } catch (error) {
          const { code, operation } = error as { code: string; operation: string };
          return code + ' ' + operation;
        }
      }
      function say(output: object) { fs.writeSync(1, JSON.stringify(output)); }
      ${program}`,
    );
    const args = ['--import', 'tsx', script];
    const options = { cwd: PROJECT, encoding: 'utf8', timeout: 120_000 } as const;
    const { stdout, stderr, status, signal } =
      shell === undefined
        ? spawnSync(process.execPath, args, options)
        : spawnSync('bash', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...args], options);
    expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
    return { output: JSON.parse(stdout || '{}') as Record<string, unknown> };
  }

  /** The real worker over a disk of which every call is noted down, after `patch`. */
  function patchedWorker(patch: string): string {
    return `
      import fs from 'node:fs';
      import { workerData } from 'node:worker_threads';
      const system = { ...fs };
      function untilPosted(wanted) {
        const { shared, layout } = workerData;
        for (let count = 0; count < wanted; count = Atomics.load(shared, layout.posted)) {
          Atomics.wait(shared, layout.posted, count);
        }
      }
      const note = (line) => system.appendFileSync(${JSON.stringify(join(root, 'calls'))}, line + '\\n');
      ${patch}
      await import(${WORKER_URL});
    `;
  }
  function calls(): string[] {
    return fs.readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');
  }

  it('a program that begins a write and ends is not kept alive, and the write is done', () => {
    run(`
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(1 << 20, 7), 0)]);
      handle.beginSync();
    `);
    const content = fs.readFileSync(join(root, 'data'));
    expect(content.length).toBe(1 << 20);
    expect(content.every((byte) => byte === 7)).toBe(true);
  });

  it('a program that has the worker up and ends is not kept alive', () => {
    const { output } = run(`
      const up = NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(1 << 20, 7), 0)]);
      say({ up });
    `);
    expect(output).toEqual({ up: true });
  });

  it('a program that is ended by process.exit ends', () => {
    const { output } = run(`
      const up = NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(1 << 24, 7), 0)]);
      handle.beginSync();
      say({ up });
      process.exit(0);
    `);
    expect(output).toEqual({ up: true });
  });

  it('a program that never yields gets the worker up and its work done', () => {
    const { output } = run(`
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(4096, 1), 0)]);
      while (!NodeFileSystem.startWorker(0));
      const size = 1 << 25;
      const slab = memory(size, 2);
      let pending = 0;
      for (let round = 0; round < 3; round++) {
        slab.fill(round + 2);
        handle.beginWrite([piece(slab, 4096)]);
        handle.beginSync();
        while (!handle.poll()) pending++;
      }
      const found = new Uint8Array(size);
      const count = handle.read(found, 0, size, 4096);
      say({ pending: pending > 0, count, right: found.every((byte) => byte === 4) });
    `);
    expect(output).toEqual({
      pending: true,
      count: 1 << 25,
      right: true,
    });
  });

  it('work begun before and after the worker is up stays in order', () => {
    const { output } = run(`
      const handle = files.open(path, 'create');
      let up = false;
      let value = 0;
      let roundsAfter = 0;
      while (roundsAfter < 100) {
        if (NodeFileSystem.startWorker(0)) { up = true; roundsAfter++; }
        value = (value % 250) + 1;
        handle.beginWrite([piece(memory(1000, value), 0)]);
      }
      handle.settle();
      const found = new Uint8Array(1000);
      handle.read(found, 0, 1000, 0);
      say({ up, right: found.every((byte) => byte === value) });
    `);
    expect(output).toEqual({ up: true, right: true });
  });

  it('the worker takes no preloads of the host', () => {
    const preload = join(root, 'preload.mjs');
    fs.writeFileSync(
      preload,
      `import { isMainThread } from 'node:worker_threads';
       if (!isMainThread) throw new Error('preloaded');`,
    );
    const { output } = run(
      `say({ up: NodeFileSystem.startWorker(60_000) });`,
      undefined,
      `export NODE_OPTIONS='--import ${preload}'`,
    );
    expect(output).toEqual({ up: true });
  });

  it.skipIf(ON_WINDOWS)(
    'of pages that the worker seals, what comes after a failure is not written, and can be written again',
    () => {
      const { output } = run(
        `
      const up = NodeFileSystem.startWorker(60_000);
      process.on('SIGXFSZ', () => undefined);
      const handle = files.open(path, 'create');
      const checksums = new Uint32Array(new SharedArrayBuffer(12));
      const seal = { seed: 1, generation: 2, checksums };
      const pages = [0, 1, 2].map((slot) => {
        return { ...piece(memory(512, slot), slot * 512), seal, slot };
      });
      handle.beginWrite([pages[0]]);
      handle.beginWrite([{ ...pages[1], at: 1 << 20 }]);
      handle.beginWrite([pages[2]]);
      const seen = [outcome(() => handle.settle())];
      const size = handle.size();
      const known = checksums[0] !== 0 && checksums[2] === 0;
      handle.beginWrite(pages);
      seen.push(outcome(() => { while (!handle.poll()); }));
      const found = new Uint8Array(1536);
      handle.read(found, 0, 1536, 0);
      const same = pages.every(({ buffer, at }) => {
        return Buffer.compare(buffer, found.subarray(at, at + 512)) === 0;
      });
      const words = new DataView(found.buffer);
      const stored = [0, 512, 1024].map((at) => words.getUint32(at, true));
      say({ up, seen, size, known, same, stored, isSealed: new Set(stored).size === 3,
        checksums: [...checksums] });
    `,
        undefined,
        'ulimit -f 512',
      );
      const { stored, checksums, ...rest } = output;
      expect(checksums).toEqual(stored);
      expect(rest).toEqual({
        up: true,
        seen: ['EFBIG write', 'done'],
        size: 512,
        known: true,
        same: true,
        isSealed: true,
      });
    },
  );

  it.skipIf(ON_WINDOWS)(
    'what failed at the worker is named, and nothing follows unreported',
    () => {
      // A write in a file that must not grow past 512 KiB: cut short, then refused.
      const { output } = run(
        `
      const up = NodeFileSystem.startWorker(60_000);
      process.on('SIGXFSZ', () => undefined);
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(1 << 20, 1), 0)]);
      handle.beginWrite([piece(memory(10, 2), 0)]);
      handle.beginSync();
      const seen = [outcome(() => handle.settle()), outcome(() => handle.settle())];
      handle.beginWrite([piece(memory(10, 3), 0)]);
      handle.beginWrite([piece(memory(10, 4), 600_000)]);
      handle.beginWrite([piece(memory(10, 5), 0)]);
      seen.push(outcome(() => { while (!handle.poll()); }), outcome(() => handle.poll()));
      const first = new Uint8Array(1);
      handle.read(first, 0, 1, 0);
      say({ up, seen, size: handle.size(), first: first[0] });
    `,
        undefined,
        'ulimit -f 512',
      );
      expect(output).toEqual({
        up: true,
        seen: ['EFBIG write', 'done', 'EFBIG write', 'done'],
        size: 524_288,
        first: 3,
      });
    },
  );

  it('neighbours go to the system in one call, 512 at most', () => {
    run(
      `
      NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      const slab = memory(600 * 8, 3);
      const pieces = [];
      for (let index = 0; index < 600; index++) {
        pieces.push({ buffer: slab, offset: index * 8, length: 8, at: 100 + index * 8 });
      }
      pieces.push({ buffer: slab, offset: 0, length: 8, at: 0 });
      handle.beginWrite(pieces);
      handle.beginSync();
      handle.settle();
    `,
      patchedWorker(`
      fs.writevSync = (fd, views, at) => {
        note('write ' + views.length + ' at ' + at);
        return system.writevSync(fd, views, at);
      };
      fs.fdatasyncSync = () => note('sync');
    `),
    );
    expect(calls()).toEqual([
      'write 512 at 100',
      `write 88 at ${100 + 512 * 8}`,
      'write 1 at 0',
      'sync',
    ]);
  });

  it('writes that are interrupted or cut short are carried on', () => {
    const { output } = run(
      `
      NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      const pieces = [];
      let at = 5;
      for (let index = 1; index <= 200; index++) {
        pieces.push(piece(memory(index, index), at));
        at += index;
      }
      handle.beginWrite(pieces);
      handle.beginSync();
      handle.settle();
      const found = new Uint8Array(at);
      handle.read(found, 0, at, 0);
      let wrong = 0;
      for (const { buffer, at: place } of pieces) {
        buffer.forEach((byte, index) => { if (found[place + index] !== byte) wrong++; });
      }
      say({ wrong, size: handle.size() });
    `,
      patchedWorker(`
      let turn = 0;
      const interrupted = (code) => Object.assign(new Error(code), { code, errno: -4 });
      fs.writevSync = (fd, views, at) => {
        turn++;
        if (turn % 3 === 0) throw interrupted(turn % 2 === 0 ? 'EINTR' : 'EAGAIN');
        // One whole view, and a part of the next.
        const [first, second] = views;
        const part = second === undefined ? [first.subarray(0, 7)] : [first, second.subarray(0, 3)];
        return system.writevSync(fd, turn % 2 === 0 ? [first] : part, at);
      };
      let syncs = 0;
      fs.fdatasyncSync = () => {
        if (syncs++ === 0) throw interrupted('EINTR');
        note('synced');
      };
    `),
    );
    expect(output).toEqual({ wrong: 0, size: 5 + 20_100 });
    expect(calls()).toEqual(['synced']);
  });

  it('after a failure the worker does nothing on a handle until it is reported', () => {
    const { output } = run(
      `
      NodeFileSystem.startWorker(60_000);
      const bad = files.open(path, 'create');
      const good = files.open(path + '2', 'create');
      // The place says which call it was.
      bad.beginWrite([piece(memory(1, 1), 10)]);
      bad.beginWrite([piece(memory(1, 1), 66)]);
      bad.beginSync();
      bad.beginWrite([piece(memory(1, 1), 11)]);
      good.beginWrite([piece(memory(1, 1), 20)]);
      good.beginSync();
      const seen = [outcome(() => bad.settle()), outcome(() => bad.settle())];
      seen.push(outcome(() => good.settle()));
      bad.beginSync();
      bad.close();
      // The same descriptor again, not the same handle.
      const next = files.open(path, 'write');
      next.beginWrite([piece(memory(1, 1), 30)]);
      next.beginSync();
      seen.push(outcome(() => next.settle()));
      say({ seen });
    `,
      patchedWorker(`
      fs.writevSync = (fd, views, at) => {
        note('write ' + at);
        if (at === 66) throw Object.assign(new Error(), { code: 'ENOSPC', errno: -28 });
        return system.writevSync(fd, views, at);
      };
      fs.fdatasyncSync = () => note('sync');
      const remove = Map.prototype.delete;
      Map.prototype.delete = function (key) {
        const wasThere = remove.call(this, key);
        if (wasThere && typeof key === 'number') note('forgotten');
        return wasThere;
      };
    `),
    );
    expect(output).toEqual({ seen: ['ENOSPC write', 'done', 'done', 'done'] });
    const onBoth = ['write 10', 'write 66', 'write 20', 'sync'];
    expect(calls()).toEqual([...onBoth, 'forgotten', 'sync', 'write 30', 'sync']);
  });

  it('a failure without a number is an EIO', () => {
    const { output } = run(
      `
      NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      handle.beginSync();
      say({ seen: outcome(() => handle.settle()) });
    `,
      patchedWorker(`fs.fdatasyncSync = () => { throw new Error('no number'); };`),
    );
    expect(output).toEqual({ seen: 'EIO sync' });
  });

  it('without the worker file all is done in place', () => {
    const { output } = run(
      `
      const up = NodeFileSystem.startWorker(300);
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(100, 1), 0)]);
      const done = handle.poll();
      // Its failure to start arrives when we yield, and harms nobody.
      setTimeout(() => {
        const upLater = NodeFileSystem.startWorker(300);
        handle.beginWrite([piece(memory(100, 1), 100)]);
        handle.beginSync();
        say({ up, done, upLater, doneLater: handle.poll(), size: handle.size() });
      }, 200);
    `,
      '',
    );
    expect(output).toEqual({ up: false, done: true, upLater: false, doneLater: true, size: 200 });
  });

  const DYING = `
    const up = NodeFileSystem.startWorker(60_000);
    const handle = files.open(path, 'create');
    const other = files.open(path + '2', 'create');
    const third = files.open(path + '3', 'create');
    handle.beginWrite([piece(memory(100, 1), 0)]);
    handle.beginSync();
    other.beginWrite([piece(memory(100, 1), 0)]);
    const seen = [
      outcome(() => handle.settle()),
      outcome(() => { while (!other.poll()); }),
      outcome(() => handle.settle()),
    ];
    // From here on in place, also on a handle whose failure was reported.
    third.beginWrite([piece(memory(100, 3), 0)]);
    third.beginSync();
    seen.push(outcome(() => third.settle()));
    handle.beginWrite([piece(memory(100, 4), 0)]);
    seen.push(outcome(() => handle.settle()));
    handle.close();
    other.close();
    say({ up, upNow: NodeFileSystem.startWorker(0), seen, size: third.size() });
  `;
  const AFTER_DEATH = {
    up: true,
    upNow: false,
    seen: ['EIO write', 'EIO write', 'done', 'done', 'done'],
    size: 100,
  };

  it('a worker that dies fails what is outstanding, and the rest is done in place', () => {
    // It dies in the service of a job: noting down a failure fails.
    const { output } = run(
      DYING,
      patchedWorker(`
      const { set } = Map.prototype;
      fs.writevSync = () => {
        untilPosted(3);
        Map.prototype.set = () => { Map.prototype.set = set; throw new Error('dying'); };
        throw new Error('failing');
      };
    `),
    );
    expect(output).toEqual(AFTER_DEATH);
  });

  it('a worker that is gone without a word does so, too', () => {
    const { output } = run(
      DYING,
      `
      import { workerData } from 'node:worker_threads';
      const { shared, layout } = workerData;
      Atomics.store(shared, layout.state, layout.ready);
      Atomics.notify(shared, layout.state);
      for (let count = 0; count < 3; count = Atomics.load(shared, layout.posted)) {
        Atomics.wait(shared, layout.posted, count);
      }
      Atomics.store(shared, layout.state, layout.dead);
    `,
    );
    expect(output).toEqual(AFTER_DEATH);
  });

  it('a job posted while the worker dies fails, also for who only polls', () => {
    const { output } = run(
      `
      const up = NodeFileSystem.startWorker(60_000);
      const handle = files.open(path, 'create');
      let reads = 0;
      handle.beginWrite([{ ...piece(memory(100, 1), 0), get at() {
        // First it is checked; then the worker is found ready, and then this is posted.
        if (++reads === 2) {
          fs.writeFileSync(path + '.die', '');
          while (NodeFileSystem.startWorker(0));
        }
        return 0;
      } }]);
      say({ up, reads, seen: outcome(() => { while (!handle.poll()); }), size: handle.size() });
    `,
      `
      import fs from 'node:fs';
      import { workerData } from 'node:worker_threads';
      const { shared, layout } = workerData;
      Atomics.store(shared, layout.state, layout.ready);
      Atomics.notify(shared, layout.state);
      while (!fs.existsSync(${JSON.stringify(join(root, 'data.die'))}));
      Atomics.store(shared, layout.state, layout.dead);
    `,
    );
    expect(output).toEqual({ up: true, reads: 2, seen: 'EIO write', size: 0 });
  });

  it('without the native module files open, and a lock says what to install', () => {
    const { output } = run(`
      const handle = files.open(path, 'create');
      handle.beginWrite([piece(memory(100, 1), 0)]);
      handle.settle();
      const seen = [];
      for (let round = 0; round < 2; round++) {
        try { handle.tryLock('exclusive'); } catch (error) {
          const { name, code, operation, path: where, message, remedy, cause } = error;
          seen.push({ name, code, operation, where, message, remedy, cause: cause.code });
        }
      }
      say({ seen, size: handle.size() });
    `);
    const failure = {
      name: 'DiskError',
      code: 'ENOTSUP',
      operation: 'lock',
      where: join(root, 'data'),
      message: expect.stringMatching(
        /python3, make and g\+\+.*npm rebuild fs-ext/u,
      ) as unknown as string,
      remedy: expect.stringContaining('npm rebuild fs-ext') as unknown as string,
      cause: 'MODULE_NOT_FOUND',
    };
    expect(output).toEqual({ seen: [failure, failure], size: 100 });
  });
});

describe('the thread that writes', () => {
  it('takes no notice for a job: that of the job before may come late', async () => {
    const layout = { state: 0, posted: 1, completed: 2, ring: 3, ringSize: 4 };
    const words = { ready: 1, dead: 2, unknownErrno: 1 };
    const shared = new Int32Array(new SharedArrayBuffer(7 * Int32Array.BYTES_PER_ELEMENT));
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(join(SOURCES, 'io-worker.js'), {
      workerData: { shared, port: port2, layout: { ...layout, ...words } },
      transferList: [port2],
      execArgv: [],
    });
    try {
      expect(Atomics.wait(shared, layout.state, 0, 30_000)).not.toBe('timed-out');
      for (let job = 0; job < 20; job++) {
        // Wakes it when it sleeps, with nothing posted.
        for (let woken = 0; woken < 5 && shared[layout.state] === words.ready;) {
          woken += Atomics.notify(shared, layout.posted);
        }
        port1.postMessage({ kind: 'forget', handle: 1, fd: -1, pieces: [], buffers: [] });
        Atomics.store(shared, layout.posted, job + 1);
        Atomics.notify(shared, layout.posted);
        expect(Atomics.wait(shared, layout.completed, job, 30_000)).not.toBe('timed-out');
        expect(shared[layout.completed]).toBe(job + 1);
        expect(shared[layout.ring + (job % layout.ringSize)]).toBe(0);
        expect(shared[layout.state]).toBe(words.ready);
      }
    } finally {
      port1.close();
      await worker.terminate();
    }
  });
});
