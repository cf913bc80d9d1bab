/** Files that are made, replaced, removed and renamed: what is in the way, and what others do meanwhile. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  autoincrement,
  BtrieveError,
  defineRecord,
  key,
  MicroKernel,
  Op,
  zstring,
  type Client,
} from '../../src/index.js';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { createDataFile } from '../../src/microkernel/files/create-file.js';
import { MAGIC } from '../../src/microkernel/layout.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import type { FileHandle, FileSystem } from '../../src/microkernel/ports.js';
import { AssertingFileSystem, type DiskCall } from '../support/asserting-files.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';

const PATH = '/d/a.dat';
const PAGE_SIZE = 1024;
const DELETE = -128;
const RENAME = -127;

const Note = defineRecord(
  { id: autoincrement(4), text: zstring(20) },
  { keys: { byId: key('id') } },
);

let disk: SimFileSystem;
let files: AssertingFileSystem;
let engine: MicroKernel;
let client: Client;

function start(on: SimFileSystem): void {
  disk = on;
  files = new AssertingFileSystem(on);
  engine = MicroKernel.start({ root: '/d/root', ports: { ...memoryPorts(1), files } });
  client = engine.client();
}

beforeEach(() => {
  const fresh = new SimFileSystem({ seed: 1, checkMemory: false });
  fresh.makeDirectory('/d');
  fresh.syncDirectory('/');
  start(fresh);
});

afterEach(() => {
  engine.stop();
});

function statusOf(call: () => void): { status: number; file: string | undefined } | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return { status: error.status, file: error.file };
  }
}

function bytesOf(system: FileSystem, path: string): Uint8Array {
  const handle = system.open(path, 'read');
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes;
}

function textAt(path: string): string {
  return Buffer.from(bytesOf(disk, path)).toString();
}

function namesThere(): string[] {
  return disk.list('/d').filter((name) => name !== 'root');
}

/** Does something, once, when the engine is about to make a call of this kind. */
function before(operation: DiskCall['operation'], path: string, act: () => void): void {
  let isDone = false;
  files.addRule((call) => {
    if (isDone || call.operation !== operation || call.path !== path) return;
    isDone = true;
    act();
  });
}

/** A file with one record that says this. */
function create(path: string, text: string): void {
  client.createFile(path, Note, { pageSize: PAGE_SIZE });
  const file = client.openFile(path, Note);
  file.insert({ text });
  file.close();
}

function recordAt(path: string): string | undefined {
  const file = client.openFile(path, Note);
  const text = file.get('byId', 1)?.text;
  file.close();
  return text;
}

describe('what somebody else makes while a file is made', () => {
  const TEMPORARY = `${PATH}.isamite-made`;

  test.each([
    [false, 59],
    [true, 85],
  ])('stays; with replace %s it is %d', (replace, status) => {
    let other: FileHandle | undefined;
    before('renameNew', TEMPORARY, () => {
      disk.otherProcess().putFile(PATH, Buffer.from('not yours'));
      other = disk.otherProcess().open(PATH, 'write');
      other.tryLock('exclusive');
    });
    expect(statusOf(() => client.createFile(PATH, Note, { replace }))).toEqual({
      status,
      file: PATH,
    });
    expect(textAt(PATH)).toBe('not yours');
    expect(namesThere()).toEqual(['a.dat']);
    other?.close();
  });

  test('in the place of the file to be replaced, between opening and locking it, is 85', () => {
    create(PATH, 'old');
    before('tryLock', PATH, () => {
      const other = disk.otherProcess();
      other.putFile('/d/other', Buffer.from('theirs'));
      other.rename('/d/other', PATH);
    });
    expect(statusOf(() => client.createFile(PATH, Note, { replace: true }))?.status).toBe(85);
    expect(textAt(PATH)).toBe('theirs');
    expect(namesThere()).toEqual(['a.dat']);
  });

  test('under the same temporary name is not removed', () => {
    let other: FileHandle | undefined;
    before('open', TEMPORARY, () => {
      other = disk.otherProcess().open(TEMPORARY, 'write');
      other.tryLock('exclusive');
    });
    expect(statusOf(() => client.createFile(PATH, Note))?.status).toBe(85);
    expect(namesThere()).toEqual(['a.dat.isamite-made']);
    other?.close();
    client.createFile(PATH, Note);
    expect(namesThere()).toEqual(['a.dat']);
  });

  test('of the new name of a file to be renamed stays: 59', () => {
    create(PATH, 'mine');
    before('renameNew', PATH, () => disk.otherProcess().putFile('/d/b.dat', Buffer.from('theirs')));
    const caller = new Caller(client);
    const data = Buffer.from('/d/b.dat\0');
    expect(caller.call(Op.CREATE, { data, key: PATH, keyNumber: RENAME }).status).toBe(59);
    expect(textAt('/d/b.dat')).toBe('theirs');
    expect(recordAt(PATH)).toBe('mine');
  });
});

describe('a crash between the halves of naming a new file', () => {
  test('leaves it with both names, and whoever makes it again takes the one away', () => {
    // The step after the new name is there and before the temporary one goes.
    let step = 0;
    disk.onStep = ({ number, operation }) => {
      if (operation === 'unlink') step = number;
    };
    const begin = disk.steps;
    client.createFile(PATH, Note);
    const kill = step - begin;
    expect(kill).toBeGreaterThan(0);
    engine.stop();

    const fresh = new SimFileSystem({ seed: 1, checkMemory: false });
    fresh.makeDirectory('/d');
    fresh.syncDirectory('/');
    start(fresh);
    disk.cutPowerAt(disk.steps + kill);
    expect(() => client.createFile(PATH, Note)).toThrow('Power cut');
    disk.cutPowerAt(Infinity);
    const left = disk.processDeath();
    try {
      engine.stop();
    } catch {
      // Its disk is gone.
    }
    start(left);
    expect(namesThere()).toEqual(['a.dat', 'a.dat.isamite-made']);
    expect(statusOf(() => client.createFile(PATH, Note))?.status).toBe(59);
    const file = client.openFile(PATH, Note);
    file.insert({ text: 'whole' });
    file.close();
    client.createFile(PATH, Note, { replace: true });
    expect(namesThere()).toEqual(['a.dat']);
    expect(recordAt(PATH)).toBeUndefined();
  });
});

describe('long names', () => {
  /** As many bytes, not all of them letters of one byte. */
  function nameOf(length: number): string {
    return `${'x'.repeat(length - 6)}ä.dat`;
  }

  test.each([230, 231, 243, 250, 254])('of %d bytes are made, replaced and used', (length) => {
    const root = fs.mkdtempSync(join(tmpdir(), 'isamite-names-'));
    const real = MicroKernel.start({ root: join(root, 'engine') });
    try {
      const user = real.client();
      // With the directory before it, it is longer than a call takes.
      expect(new Caller(user).call(Op.SET_DIR, { key: root }).status).toBe(0);
      const name = nameOf(length);
      for (const replace of [false, true]) {
        user.createFile(name, Note, { replace });
        const file = user.openFile(name, Note);
        expect(file.insert({ text: 'there' }).id).toBe(1);
        file.close();
      }
      expect(fs.readdirSync(root).sort()).toEqual(['engine', name].sort());
      expect(statusOf(() => user.createFile(name, Note))?.status).toBe(59);
    } finally {
      real.stop();
      fs.rmSync(root, { recursive: true });
    }
  });

  test('what a crash left of one is taken away by who makes it again, and of no other', () => {
    const ports = { ...memoryPorts(1), files };
    const cache = new PageCache({ size: 1024 * 1024 });
    const holder = { log: new Uint8Array(16), session: 1, root: '/d/root' };
    const definition = validateDefinition(Note.definition());
    const make = (path: string) =>
      createDataFile(ports, cache, path, definition, { holder, replace: true });
    const renamed: string[] = [];
    files.addObserver(({ operation, path }) => {
      if (operation === 'renameNew') renamed.push(path);
    });
    const path = `/d/${nameOf(255)}`;
    make(path);
    make(`/d/${nameOf(253)}`);
    const [temporary = '', another = ''] = renamed;
    expect(temporary).not.toBe(another);
    for (const name of renamed) expect(Buffer.byteLength(name)).toBeLessThan(100);
    for (const name of [temporary, `${temporary}.isamite-new`, another]) {
      disk.putFile(name, new Uint8Array(700).fill(9));
    }
    make(path);
    const left = namesThere().filter((name) => name.includes('isamite-'));
    expect(left.map((name) => `/d/${name}`)).toEqual([another]);
  });
});

describe('what is no data file of ours', () => {
  const FOREIGN: readonly (readonly [string, Uint8Array])[] = [
    ['a text', Buffer.from('2026-01-01 I engine-started\n'.repeat(100))],
    ['an empty file', new Uint8Array(0)],
    ['zeros', new Uint8Array(8192)],
    [
      'what only mentions the magic',
      Buffer.concat([new Uint8Array(100), MAGIC, new Uint8Array(900)]),
    ],
  ];

  test.each(FOREIGN)('%s is not replaced, removed or renamed: 30', (_, bytes) => {
    disk.putFile(PATH, bytes);
    const caller = new Caller(client);
    const refused = { status: 30, file: PATH };
    expect(statusOf(() => client.createFile(PATH, Note, { replace: true }))).toEqual(refused);
    expect(caller.create(PATH, { recordLength: 8 })).toBe(30);
    expect(client.lastError?.file).toBe(PATH);
    expect(caller.call(Op.CREATE, { key: PATH, keyNumber: DELETE }).status).toBe(30);
    const data = Buffer.from('/d/b.dat\0');
    expect(caller.call(Op.CREATE, { data, key: PATH, keyNumber: RENAME }).status).toBe(30);
    expect(namesThere()).toEqual(['a.dat']);
    expect(bytesOf(disk, PATH)).toEqual(new Uint8Array(bytes));
    expect(statusOf(() => client.createFile(PATH, Note))?.status).toBe(59);
  });

  test('the lock of an engine, held by it or left by it, is not', () => {
    const caller = new Caller(client);
    const lock = '/d/root/run/engine.lock';
    expect(caller.call(Op.CREATE, { key: lock, keyNumber: DELETE }).status).toBe(85);
    disk.putFile('/d/left.lock', new Uint8Array(0));
    expect(caller.call(Op.CREATE, { key: '/d/left.lock', keyNumber: DELETE }).status).toBe(30);
    expect([disk.exists(lock), disk.exists('/d/left.lock')]).toEqual([true, true]);
  });

  /** Overwrites something in copies of the FCR. */
  function spoil(copies: readonly number[], offset = 0): void {
    const handle = disk.open(PATH, 'write');
    for (const copy of copies) {
      handle.write(new Uint8Array(64).fill(7), 0, 64, copy * PAGE_SIZE + offset);
    }
    handle.close();
  }

  test.each([[[0]], [[0, 1]], [[1, 2]]])(
    'a file whose copies %j of the FCR are bad is',
    (copies) => {
      create(PATH, 'old');
      spoil(copies);
      client.createFile(PATH, Note, { replace: true, pageSize: PAGE_SIZE });
      expect(recordAt(PATH)).toBeUndefined();
      spoil(copies);
      expect(new Caller(client).call(Op.CREATE, { key: PATH, keyNumber: DELETE }).status).toBe(0);
      expect(namesThere()).toEqual([]);
    },
  );

  test('a file without any good copy is, as long as one begins as ours, and else is not', () => {
    create(PATH, 'old');
    spoil([0, 1, 2], 100);
    expect(statusOf(() => recordAt(PATH))?.status).toBe(2);
    client.createFile(PATH, Note, { replace: true, pageSize: PAGE_SIZE });
    spoil([0, 1, 2]);
    expect(statusOf(() => client.createFile(PATH, Note, { replace: true }))?.status).toBe(30);
  });
});
