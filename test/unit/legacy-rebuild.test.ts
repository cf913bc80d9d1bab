/** Rebuilding: everything is kept and compared, nothing is half done, and directories go on where they ended. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BtrieveError,
  checkFile,
  fileDefinition,
  MicroKernel,
  Op,
  rebuildDirectory,
  rebuildFile,
  runTask,
  type Client,
  type RebuildOptions,
  type RebuildResult,
} from '../../src/index.js';
import { AddressList, RecordsHash } from '../../src/maintenance/rebuild-comparison.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { nodePorts } from '../../src/microkernel/node-ports.js';
import { Caller } from '../support/caller.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import {
  madeOriginals,
  REAL_FOLDER,
  realOriginals,
  type TestOriginal,
} from '../support/originals.js';

let directory = '';
let engine: MicroKernel;
let client: Client;
let caller: Caller;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-rebuild-'));
  engine = MicroKernel.start({ root: join(directory, 'root') });
  client = engine.client();
  caller = new Caller(client);
});

afterEach(() => {
  engine.stop();
  rmSync(directory, { recursive: true });
});

function at(name: string): string {
  return join(directory, name);
}

function put(name: string, as: string): TestOriginal {
  const original = madeOriginals().find((each) => each.name === name);
  if (original === undefined) throw new Error(`there is no made file ${name}`);
  writeFileSync(at(as), original.bytes());
  return original;
}

function rebuild(from: string, to: string | undefined, options: RebuildOptions = {}) {
  const target = to === undefined ? undefined : at(to);
  return runTask(rebuildFile(client, at(from), target, options));
}

function answer(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('there was no refusal');
}

function expectSame(result: RebuildResult): void {
  expect(result.isSame).toBe(true);
  expect(result.sourceHash).toBe(result.outputHash);
  expect(result.keys.filter(({ isSameOrder }) => !isSameOrder)).toEqual([]);
}

/** Every record in the order of a key, or as they lie: what `butil` has not compared itself. */
function walk(path: string, keyNumber: number, owner = ''): string[] {
  const { status, block } = caller.open(path, -2, owner);
  expect(status).toBe(0);
  const [first, next] = keyNumber < 0 ? [Op.STEP_FIRST, Op.STEP_NEXT] : [Op.GET_FIRST, Op.GET_NEXT];
  const found: string[] = [];
  for (let op: number = first; ; op = next) {
    const { status: read, data } = caller.call(op, {
      ...{ block, room: 200_000, keyNumber: Math.max(0, keyNumber) },
    });
    if (read !== 0) break;
    found.push(Buffer.from(data).toString('base64'));
  }
  caller.call(Op.CLOSE, { block });
  return found;
}

function expectRebuilt({ owner, bytes }: TestOriginal): void {
  writeFileSync(at('old.btr'), bytes());
  const result = rebuild('old.btr', 'new.btr', { owner });
  expectSame(result);
  expect(result.notes.join()).not.toContain('Blank truncation');
  const definition = fileDefinition(client, at('new.btr'));
  for (const number of [-1, ...definition.keys.map((key) => key.number)])
    expect(walk(at('new.btr'), number)).toEqual(walk(at('old.btr'), number, owner));
  expect(checkFile(at('new.btr')).findings).toEqual([]);
  expect(Buffer.compare(readFileSync(at('old.btr')), bytes())).toBe(0);
  expect(readdirSync(directory).sort()).toEqual(['new.btr', 'old.btr', 'root']);
}

describe('every made file', () => {
  test.each(madeOriginals())('$name', (original) => {
    expectRebuilt(original);
  });
});

describe.skipIf(REAL_FOLDER === undefined)('real files', () => {
  test.each(realOriginals())('$name', (original) => {
    expectRebuilt(original);
  });
});

/** A file of this engine whose duplicates are in another order than its records lie. */
function makeOwn(path: string): void {
  const duplicates = { flags: KEY_FLAG.DUPLICATES | KEY_FLAG.MODIFIABLE };
  const keys = [
    [{ offset: 0, length: 4, type: KEY_TYPE.INTEGER }],
    [{ offset: 4, length: 2, type: KEY_TYPE.UNSIGNED, ...duplicates }],
    [{ offset: 6, length: 4, type: KEY_TYPE.AUTOINCREMENT }],
  ];
  expect(caller.create(path, { recordLength: 20, keys, flags: 0x200, version: 0x95 })).toBe(0);
  const { block } = caller.open(path);
  const insert = (number: number): void => {
    const data = Buffer.alloc(20, number);
    data.writeInt32LE(number, 0);
    data.writeUInt16LE(number % 3, 4);
    data.writeUInt32LE(1000 + number, 6);
    expect(caller.call(Op.INSERT, { block, data }).status).toBe(0);
  };
  for (let number = 0; number < 30; number++) insert(number);
  for (let number = 3; number < 12; number++) {
    const key = Buffer.alloc(4);
    key.writeInt32LE(number, 0);
    expect(caller.call(Op.GET_EQUAL, { block, room: 20, key }).status).toBe(0);
    expect(caller.call(Op.DELETE, { block }).status).toBe(0);
  }
  // These lie where the others were.
  for (let number = 100; number < 105; number++) insert(number);
  caller.call(Op.CLOSE, { block });
}

describe('a file of this engine', () => {
  test('keeps the order of its duplicates, of its system keys and of its records', () => {
    makeOwn(at('old.btr'));
    const groups = walk(at('old.btr'), 1);
    expect(groups).not.toEqual(walk(at('old.btr'), -1));
    const result = rebuild('old.btr', 'new.btr', { pageSize: 8192 });
    expectSame(result);
    expect(result.keys.map(({ number }) => number)).toEqual([0, 1, 2, 125]);
    for (const number of [-1, 0, 1, 2, 125])
      expect(walk(at('new.btr'), number)).toEqual(walk(at('old.btr'), number));
    expect(result.pageSize).toBe(8192);
    expect(checkFile(at('new.btr')).findings).toEqual([]);
  });

  test('goes on as before: later duplicates come last', () => {
    makeOwn(at('old.btr'));
    rebuild('old.btr', 'new.btr');
    const { block } = caller.open(at('new.btr'));
    const data = Buffer.alloc(20, 0x77);
    data.writeInt32LE(777, 0);
    data.writeUInt16LE(1, 4);
    data.writeUInt32LE(5000, 6);
    expect(caller.call(Op.INSERT, { block, data }).status).toBe(0);
    caller.call(Op.CLOSE, { block });
    const group = walk(at('new.btr'), 1).filter((record) => {
      return Buffer.from(record, 'base64').readUInt16LE(4) === 1;
    });
    expect(group.at(-1)).toBe(data.toString('base64'));
  });
});

describe('in place', () => {
  test('the old file is kept', () => {
    const { bytes } = put('6-fixed', 'a.btr');
    const before = walk(at('a.btr'), 0);
    const result = rebuild('a.btr', undefined);
    expect(result.keptAs).toBe(at('a.btr.before-rebuild'));
    expect(Buffer.compare(readFileSync(at('a.btr.before-rebuild')), bytes())).toBe(0);
    expect(walk(at('a.btr'), 0)).toEqual(before);
    expect(checkFile(at('a.btr')).findings).toEqual([]);
    expect(answer(() => rebuild('a.btr', undefined))).toMatchObject({ status: 59 });
  });

  test.skipIf(process.platform === 'win32')('with the permissions of the old one', () => {
    const modeOf = (name: string): number => statSync(at(name)).mode & 0o777;
    for (const mode of [0o600, 0o640, 0o664, 0o444]) {
      put('6-fixed', 'a.btr');
      chmodSync(at('a.btr'), mode);
      rebuild('a.btr', undefined);
      expect([modeOf('a.btr'), modeOf('a.btr.before-rebuild')]).toEqual([mode, mode]);
      rmSync(at('a.btr.before-rebuild'));
      rmSync(at('a.btr'));
    }
    put('6-fixed', 'b.btr');
    chmodSync(at('b.btr'), 0o666);
    rebuild('b.btr', 'new.btr');
    expect(modeOf('new.btr')).toBe(0o600);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'with its owner and group, where the system lets us',
    () => {
      put('6-fixed', 'a.btr');
      chownSync(at('a.btr'), 12345, 23456);
      rebuild('a.btr', undefined);
      const { uid, gid } = statSync(at('a.btr'));
      expect([uid, gid]).toEqual([12345, 23456]);
    },
  );

  test('of a link, the file that it leads to', () => {
    mkdirSync(at('real'));
    const { bytes } = put('6-fixed', 'real/a.btr');
    symlinkSync(at('real/a.btr'), at('link.btr'));
    const before = walk(at('link.btr'), 0);
    const { keptAs } = rebuild('link.btr', undefined);
    expect(keptAs).toBe(realpathSync(at('real')) + '/a.btr.before-rebuild');
    expect(Buffer.compare(readFileSync(at('real/a.btr.before-rebuild')), bytes())).toBe(0);
    expect(lstatSync(at('link.btr')).isSymbolicLink()).toBe(true);
    expect(checkFile(at('real/a.btr')).findings).toEqual([]);
    expect(walk(at('link.btr'), 0)).toEqual(before);
    expect(readdirSync(directory).sort()).toEqual(['link.btr', 'real', 'root']);
  });

  test('not of a file that another one has taken the place of meanwhile', () => {
    put('6-fixed', 'a.btr');
    makeOwn(at('b.btr'));
    for (const [name, reason] of [
      ['a.btr', 'written'],
      ['b.btr', 'replaced'],
    ] as const) {
      const { bytes } = put('9.5-fixed', 'newer.btr');
      const task = rebuildFile(client, at(name), undefined);
      task.next();
      renameSync(at('newer.btr'), at(name));
      expect(answer(() => runTask(task))).toMatchObject({ status: 85, reason });
      expect(Buffer.compare(readFileSync(at(name)), bytes())).toBe(0);
    }
    expect(readdirSync(directory).sort()).toEqual(['a.btr', 'b.btr', 'root']);
  });

  test('not of a file that was written meanwhile', () => {
    const { bytes } = put('6-fixed', 'a.btr');
    for (const output of [undefined, at('b.btr')]) {
      const task = rebuildFile(client, at('a.btr'), output);
      task.next();
      writeFileSync(at('a.btr'), bytes());
      utimesSync(at('a.btr'), 1, output === undefined ? 2 : 3);
      expect(answer(() => runTask(task))).toMatchObject({ status: 85, reason: 'written' });
      expect(readdirSync(directory).sort()).toEqual(['a.btr', 'root']);
    }
  });

  test('one in pieces is refused', () => {
    const { bytes } = put('4-variable', 'a.btr');
    writeFileSync(at('a.btr'), bytes().subarray(0, 6 * 512));
    writeFileSync(at('a.^01'), bytes().subarray(6 * 512));
    expect(answer(() => rebuild('a.btr', undefined))).toMatchObject({ reason: 'pieces' });
    expectSame(rebuild('a.btr', 'b.btr'));
  });
});

describe('what keeps it from being done', () => {
  test('an output that is there, or is the source', () => {
    put('6-fixed', 'a.btr');
    put('4-variable', 'b.btr');
    expect(answer(() => rebuild('a.btr', 'b.btr')).status).toBe(59);
    expect(answer(() => rebuild('a.btr', 'b.btr', { replace: true })).status).toBe(30);
    expect(answer(() => rebuild('a.btr', 'a.btr'))).toMatchObject({ reason: 'same-file' });
    makeOwn(at('c.btr'));
    expect(answer(() => rebuild('a.btr', 'c.btr')).status).toBe(59);
    const { block } = caller.open(at('c.btr'));
    expect(answer(() => rebuild('a.btr', 'c.btr', { replace: true })).status).toBe(85);
    caller.call(Op.CLOSE, { block });
    expectSame(rebuild('a.btr', 'c.btr', { replace: true }));
    expect(walk(at('c.btr'), 0)).toEqual(walk(at('a.btr'), 0));
  });

  test('damage: there is no new file', () => {
    const { bytes } = put('6-fixed', 'a.btr');
    const damaged = Uint8Array.from(bytes());
    damaged.fill(0xee, 5 * 512, 6 * 512);
    writeFileSync(at('a.btr'), damaged);
    expect(answer(() => rebuild('a.btr', 'b.btr')).status).toBe(2);
    expect(readdirSync(directory).sort()).toEqual(['a.btr', 'root']);
  });

  test('a header that cannot be used: the other one may be of a state with fewer records', () => {
    const { bytes } = put('6-fixed', 'a.btr');
    const damaged = Uint8Array.from(bytes());
    // The current copy; the other one is made good, and older.
    const current = new DataView(damaged.buffer);
    const [first, second] = [0, 512].map((offset) => current.getUint32(offset + 4, true));
    const at0 = (first ?? 0) > (second ?? 0) ? 0 : 512;
    damaged.copyWithin(512 - at0, at0, at0 + 512);
    new DataView(damaged.buffer).setUint32(512 - at0 + 4, Math.max(1, (first ?? 1) - 1), true);
    damaged.fill(0xff, at0 + 8, at0 + 10);
    writeFileSync(at('a.btr'), damaged);
    expect([2, 30]).toContain(answer(() => rebuild('a.btr', 'b.btr')).status);
    expect(readdirSync(directory).sort()).toEqual(['a.btr', 'root']);
  });

  test('an owner name that is not given', () => {
    put('4-owner', 'a.btr');
    expect(answer(() => rebuild('a.btr', 'b.btr')).status).toBe(51);
    const result = rebuild('a.btr', 'b.btr', { owner: 'secret' });
    expect(result.notes.join()).toContain('no owner name');
  });

  test('an interruption leaves nothing', () => {
    put('9.5-fixed', 'a.btr');
    for (let steps = 1; ; steps++) {
      const task = rebuildFile(client, at('a.btr'), at('b.btr'));
      let isDone = false;
      for (let step = 0; step < steps && !isDone; step++) isDone = task.next().done === true;
      if (isDone) break;
      task.return(undefined as never);
      expect(readdirSync(directory).sort()).toEqual(['a.btr', 'root']);
    }
    expect(existsSync(at('b.btr'))).toBe(true);
  });

  test('what lies beside the file and is not read is told, and the new file kept', () => {
    for (const [name, beside, isUnfinished] of [
      ['4-variable', 'a.PRE', true],
      ['6-fixed', 'a.^^^', true],
      ['6-fixed', 'a.PRE', false],
      ['6-fixed', 'a.txt', false],
    ] as const) {
      put(name, 'a.btr');
      writeFileSync(at(beside), 'anything');
      const result = rebuild('a.btr', 'b.btr');
      expectSame(result);
      expect([name, beside, result.isUnfinished]).toEqual([name, beside, isUnfinished]);
      for (const one of ['a.btr', 'b.btr', beside]) rmSync(at(one));
    }
  });

  test('what a crash left is replaced', () => {
    put('6-fixed', 'a.btr');
    makeOwn(at('b.btr.isamite-rebuild'));
    expectSame(rebuild('a.btr', 'b.btr'));
    expect(readdirSync(directory).sort()).toEqual(['a.btr', 'b.btr', 'root']);
  });

  test('a dry run makes nothing', () => {
    put('6-fixed', 'a.btr');
    const { records, version } = rebuild('a.btr', 'b.btr', { dryRun: true });
    expect([records, version]).toEqual([walk(at('a.btr'), -1).length, 0x60]);
    expect(readdirSync(directory).sort()).toEqual(['a.btr', 'root']);
  });

  test('a page size or a format that cannot be', () => {
    put('6-fixed', 'a.btr');
    expect(answer(() => rebuild('a.btr', 'b.btr', { pageSize: 700 })).status).toBe(24);
    const { version } = rebuild('a.btr', 'b.btr', { version: 0xd0, pageSize: 4096 });
    expect(version).toBe(0xd0);
  });
});

describe('directories', () => {
  test('a piece without the file that it belongs to is told', () => {
    mkdirSync(at('old'));
    const { bytes } = put('4-variable', 'old/a.btr');
    writeFileSync(at('old/a.btr'), bytes().subarray(0, 6 * 512));
    writeFileSync(at('old/a.^01'), bytes().subarray(6 * 512));
    writeFileSync(at('old/b.^01'), bytes().subarray(6 * 512));
    const files = runTask(rebuildDirectory(client, at('old'), at('new')));
    expect(files.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['a.btr', 'rebuilt'],
      ['b.^01', 'failed'],
    ]);
    expect(files[1]).toMatchObject({ status: 13, reason: 'missing-base' });
  });

  function fill(): void {
    mkdirSync(at('old/below'), { recursive: true });
    put('6-fixed', 'old/a.btr');
    put('4-owner', 'old/b.btr');
    put('4-encrypted', 'old/below/c.btr');
    makeOwn(at('old/below/d.btr'));
    writeFileSync(at('old/read.me'), 'a text');
  }

  function run(owners: readonly string[] = []) {
    const files = runTask(rebuildDirectory(client, at('old'), at('new'), { owners }));
    return Object.fromEntries(files.map(({ name, outcome }) => [name, outcome]));
  }

  test('all files, and the rest at another time', () => {
    fill();
    expect(run(['nothing', 'secret'])).toEqual({
      'a.btr': 'rebuilt',
      'b.btr': 'rebuilt',
      'below/c.btr': 'failed',
      'below/d.btr': 'rebuilt',
      'read.me': 'other',
    });
    expect(run(['MIKE'])).toEqual({
      'a.btr': 'there',
      'b.btr': 'there',
      'below/c.btr': 'rebuilt',
      'below/d.btr': 'there',
      'read.me': 'other',
    });
    expect(walk(at('new/below/c.btr'), 0)).toEqual(walk(at('old/below/c.btr'), 0, 'MIKE'));
  });

  test('a full disk, at any write: the report says what is done, and the same call goes on', () => {
    fill();
    engine.stop();
    const ports = nodePorts({ eventLogPath: at('events') });
    const disk = new FaultyFileSystem(ports.files);
    engine = MicroKernel.start({ root: at('root'), ports: { ...ports, files: disk } });
    client = engine.client();
    const owners = ['secret', 'MIKE'];
    const outcomes = new Set<string>();
    for (let isStruck = true, step = 1; isStruck; step++) {
      rmSync(at('new'), { recursive: true, force: true });
      disk.setFault({
        ...{ at: step, code: 'ENOSPC', lasting: true, partial: true },
        operations: ['create', 'write', 'beginWrite', 'truncate'],
        paths: (path) => path.startsWith(at('new')),
      });
      const files = runTask(rebuildDirectory(client, at('old'), at('new'), { owners }));
      isStruck = disk.hits.length > 0;
      const done = files.filter(({ outcome }) => outcome === 'rebuilt').map(({ name }) => name);
      const failed = files.filter((file) => file.outcome === 'failed');
      expect([step, failed.map(({ status }) => status)]).toEqual([step, failed.map(() => 18)]);
      expect([step, failed.length > 0]).toEqual([step, isStruck]);
      const there = readdirSync(at('new'), { recursive: true, encoding: 'utf8' });
      expect(there.filter((name) => name !== 'below').toSorted()).toEqual(done.toSorted());
      outcomes.add(done.join());
      disk.setFault();
      const again = run(owners);
      for (const name of done) expect([step, name, again[name]]).toEqual([step, name, 'there']);
      for (const { name } of failed) expect([step, again[name]]).toEqual([step, 'rebuilt']);
      for (const name of ['a.btr', 'b.btr', 'below/c.btr', 'below/d.btr'])
        expect(checkFile(at(`new/${name}`)).findingCount).toBe(0);
    }
    // None, one, two, three, and all.
    expect(outcomes.size).toBe(5);
  });

  test('an output that is a file, or leads through one', () => {
    fill();
    const into = (target: string) => () => runTask(rebuildDirectory(client, at('old'), at(target)));
    for (const target of ['old/a.btr', 'taken', 'taken/new']) {
      writeFileSync(at('taken'), 'a text');
      expect(answer(into(target))).toMatchObject({ status: 59, reason: 'no-directory' });
    }
    expect(answer(() => rebuild('old/a.btr', 'old'))).toMatchObject({ reason: 'directory' });
  });

  test('what is there and was not made by it is no rebuilt file', () => {
    fill();
    mkdirSync(at('new/b.btr'), { recursive: true });
    put('6-fixed', 'new/a.btr');
    expect(run(['secret'])).toMatchObject({ 'a.btr': 'failed', 'b.btr': 'failed' });
    expect(run(['secret'])).toMatchObject({ 'below/d.btr': 'there' });
  });

  test('apart from each other', () => {
    fill();
    const into = (target: string) => () => runTask(rebuildDirectory(client, at('old'), at(target)));
    expect(answer(into('old'))).toMatchObject({ reason: 'same-directory' });
    expect(answer(into('old/new'))).toMatchObject({ reason: 'same-directory' });
    expect(answer(into('.'))).toMatchObject({ reason: 'same-directory' });
    expect(existsSync(at('old/new'))).toBe(false);
    // By links, too: the output leads into the source, or the source into the output.
    symlinkSync(at('old/below'), at('link'));
    expect(answer(into('link'))).toMatchObject({ reason: 'same-directory' });
    expect(answer(into('link/new/deeper'))).toMatchObject({ reason: 'same-directory' });
    mkdirSync(at('wide'));
    symlinkSync(at('old'), at('wide/old'));
    renameSync(at('old'), at('wide/real'));
    symlinkSync(at('wide/real'), at('old'));
    expect(answer(into('wide'))).toMatchObject({ reason: 'same-directory' });
    expect(readdirSync(at('wide/real')).sort()).toEqual(['a.btr', 'b.btr', 'below', 'read.me']);
    expect(Object.keys(run())).toHaveLength(5);
  });

  test('a place that is taken by the file itself', () => {
    fill();
    mkdirSync(at('new'));
    symlinkSync(at('old/below'), at('new/below'));
    expect(run(['secret'])).toMatchObject({ 'a.btr': 'rebuilt', 'below/d.btr': 'failed' });
  });

  test.skipIf(process.getuid?.() === 0)(
    'a directory that cannot be looked at is in the report',
    () => {
      fill();
      chmodSync(at('old/below'), 0o000);
      try {
        expect(run(['secret'])).toEqual({
          ...{ 'a.btr': 'rebuilt', 'b.btr': 'rebuilt', below: 'failed', 'read.me': 'other' },
        });
      } finally {
        chmodSync(at('old/below'), 0o700);
      }
    },
  );

  test('a directory that cannot be read or made keeps no other file from it', () => {
    fill();
    // A name that leads to itself can be neither listed nor opened.
    symlinkSync(at('old/circle'), at('old/circle'));
    mkdirSync(at('new'));
    writeFileSync(at('new/below'), 'no directory');
    expect(run(['secret', 'MIKE'])).toEqual({
      'a.btr': 'rebuilt',
      'b.btr': 'rebuilt',
      'below/c.btr': 'failed',
      'below/d.btr': 'failed',
      circle: 'failed',
      'read.me': 'other',
    });
  });

  test('a file that may not be read keeps no other from it', () => {
    fill();
    chmodSync(at('old/a.btr'), 0o400);
    expect(run()['a.btr']).toBe('rebuilt');
  });
});

describe('what the comparison is made of', () => {
  test('places of addresses', () => {
    const list = new AddressList();
    for (let i = 0; i < 3000; i++) list.add(3 * i);
    expect([list.placeOf(0), list.placeOf(3), list.placeOf(8997)]).toEqual([0, 1, 2999]);
    expect([list.placeOf(1), list.placeOf(9000)]).toEqual([-1, -1]);
    expect(new AddressList().placeOf(0)).toBe(-1);
  });

  test('the hash knows records whatever their order, and how many of each there are', () => {
    const hash = (...records: readonly string[]): string => {
      const sum = new RecordsHash();
      for (const record of records) sum.add(Buffer.from(record), record.length);
      return sum.text;
    };
    expect(hash('a', 'b', 'c')).toBe(hash('c', 'a', 'b'));
    expect(hash('a', 'a', 'b')).not.toBe(hash('a', 'b', 'b'));
    expect(hash('ab', 'c')).not.toBe(hash('a', 'bc'));
    expect(hash()).toHaveLength(64);
  });
});
