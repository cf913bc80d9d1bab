/**
 * The watching disk: that every rule fires when it is broken, and none when it is kept.
 */
import { describe, expect, it } from 'vitest';
import { AssertionError, assert } from '../../src/microkernel/assert.js';
import { DiskError, writeFully } from '../../src/microkernel/disk-error.js';
import type { FileHandle, WritePiece } from '../../src/microkernel/ports.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import type { AssertingOptions } from '../support/asserting-files.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import type { DiskOperation } from '../support/faulty-files.js';
import { PowerCut, SimFileSystem } from '../support/sim-files.js';

interface Watched {
  readonly disk: SimFileSystem;
  readonly faults: FaultyFileSystem;
  readonly files: AssertingFileSystem;
}

/** `/a` and `/b` with ten bytes each; jobs take two polls at least. */
function watched(options?: AssertingOptions): Watched {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.putFile('/a', Buffer.from('0123456789'));
  disk.putFile('/b', Buffer.from('0123456789'));
  const faults = new FaultyFileSystem(disk);
  return { disk, faults, files: new AssertingFileSystem(faults, options) };
}

function put(handle: FileHandle, content: string, at = 0): void {
  writeFully(handle, Buffer.from(content), 0, content.length, at);
}

function piece(content: string, at: number): WritePiece {
  return { buffer: Buffer.from(content), offset: 0, length: content.length, at };
}

function read(handle: FileHandle, at: number, length: number): void {
  handle.read(new Uint8Array(length), 0, length, at);
}

/** The changes that a handle must refuse when it may not be trusted any more. */
const CHANGES: readonly (readonly [string, (handle: FileHandle) => void])[] = [
  ['write', (handle) => put(handle, 'x')],
  ['truncate', (handle) => handle.truncate(1)],
  ['sync', (handle) => handle.sync()],
  ['beginWrite', (handle) => handle.beginWrite([piece('x', 0)])],
  ['beginSync', (handle) => handle.beginSync()],
];

/** What can go wrong on a handle. */
const FAILURES: readonly (readonly [DiskOperation, (handle: FileHandle) => void])[] = [
  ['write', (handle) => put(handle, 'x')],
  ['truncate', (handle) => handle.truncate(1)],
  ['sync', (handle) => handle.sync()],
  [
    'beginWrite',
    (handle) => {
      handle.beginWrite([piece('x', 0)]);
      handle.settle();
    },
  ],
  [
    'beginSync',
    (handle) => {
      handle.beginSync();
      while (!handle.poll());
    },
  ],
];

describe('a handle on which something failed', () => {
  function failed(operation: DiskOperation, call: (handle: FileHandle) => void, system: Watched) {
    const handle = system.files.open('/a', 'write');
    system.faults.setFault({ at: 1, code: 'EIO', operations: [operation] });
    expect(() => call(handle)).toThrow(DiskError);
    return handle;
  }

  it.each(
    FAILURES.flatMap(([operation, fail]) =>
      CHANGES.map(([name, change]) => ({ operation, fail, name, change })),
    ),
  )('$operation: no $name', ({ operation, fail, change }) => {
    const system = watched();
    const handle = failed(operation, fail, system);
    expect(() => change(handle)).toThrow(AssertionError);
  });

  it.each(FAILURES)('%s: may be read, asked, locked and closed', (operation, fail) => {
    const system = watched();
    const handle = failed(operation, fail, system);
    read(handle, 0, 10);
    handle.size();
    handle.identity();
    expect(handle.poll()).toBe(true);
    handle.settle();
    expect(handle.tryLock('shared')).toBe(true);
    handle.close();
    const again = system.files.open('/a', 'write');
    for (const [, change] of CHANGES) {
      change(again);
      again.settle();
    }
    again.close();
    system.files.assertNothingOpen();
  });

  it('may go on after a failed read, and after a failure that is forgiven', () => {
    const system = watched({ forgives: ({ code }) => code === 'ENOSPC' });
    const handle = failed('read', (it) => read(it, 0, 1), system);
    put(handle, 'x');
    system.faults.setFault({ at: 1, code: 'ENOSPC', operations: ['write'] });
    expect(() => put(handle, 'x')).toThrow(DiskError);
    put(handle, 'x');
    system.faults.setFault({ at: 1, code: 'EIO', operations: ['write'] });
    expect(() => put(handle, 'x')).toThrow(DiskError);
    expect(() => put(handle, 'x')).toThrow(AssertionError);
  });

  it('is not one on which the power was cut', () => {
    const { disk, files } = watched();
    const handle = files.open('/a', 'write');
    disk.cutPowerAt(1);
    expect(() => put(handle, 'x')).toThrow(PowerCut);
    expect(() => put(handle, 'x')).toThrow(PowerCut);
    handle.close();
  });
});

describe('a closed handle', () => {
  it('does nothing but close', () => {
    const { files } = watched();
    const handle = files.open('/a', 'write');
    handle.close();
    handle.close();
    const calls: ((it: FileHandle) => unknown)[] = [
      (it) => it.identity(),
      (it) => it.size(),
      (it) => read(it, 0, 1),
      (it) => it.poll(),
      (it) => it.settle(),
      (it) => it.tryLock('shared'),
      ...CHANGES.map(([, change]) => change),
    ];
    for (const call of calls) expect(() => call(handle)).toThrow(/after close/);
  });

  it('is one also if closing failed', () => {
    const { files, faults } = watched();
    const handle = files.open('/a', 'write');
    faults.setFault({ at: 1, code: 'EIO', operations: ['close'] });
    expect(() => handle.close()).toThrow(DiskError);
    expect(() => handle.size()).toThrow(AssertionError);
    files.assertNothingOpen();
  });

  it('is missed when it is not', () => {
    const { files } = watched();
    files.assertNothingOpen();
    const a = files.open('/a', 'read');
    files.open('/b', 'write').close();
    files.open('/c', 'create');
    expect(() => files.assertNothingOpen()).toThrow('still open: /a (read), /c (create)');
    a.close();
    expect(() => files.assertNothingOpen()).toThrow('still open: /c (create)');
  });
});

describe('a handle opened to read', () => {
  it('changes nothing', () => {
    const { files } = watched();
    const handle = files.open('/a', 'read');
    expect(() => put(handle, 'x')).toThrow(AssertionError);
    expect(() => handle.truncate(0)).toThrow(AssertionError);
    expect(() => handle.beginWrite([piece('x', 0)])).toThrow(AssertionError);
    read(handle, 0, 1);
    handle.sync();
    handle.beginSync();
    handle.settle();
  });
});

describe('a frozen file', () => {
  it('is not changed, whichever name or handle is used', () => {
    const { disk, files } = watched();
    disk.putLink('/a', '/second');
    const before = files.open('/a', 'write');
    files.freeze('/a');
    const after = files.open('/a', 'write');
    const second = files.open('/second', 'write');
    for (const handle of [before, after, second]) {
      expect(() => put(handle, 'x')).toThrow(/is frozen/);
      expect(() => handle.truncate(0)).toThrow(/is frozen/);
      expect(() => handle.beginWrite([piece('x', 0)])).toThrow(/is frozen/);
      read(handle, 0, 10);
      handle.sync();
    }
    expect(() => files.remove('/second')).toThrow(/is frozen/);
    expect(() => files.rename('/b', '/a')).toThrow(/is frozen/);
    put(files.open('/b', 'write'), 'x');
    files.remove('/b');
  });

  it('stays so under another name, and a new file under its name is not', () => {
    const { files } = watched();
    files.freeze('/a');
    const handle = files.open('/a', 'write');
    files.rename('/a', '/old');
    expect(() => put(handle, 'x')).toThrow(/is frozen/);
    put(files.open('/a', 'create'), 'new');
    files.thaw('/a');
    put(handle, 'x');
  });

  it('is thawed by itself, and must be there', () => {
    const { files } = watched();
    files.freeze('/a');
    files.freeze('/b');
    const a = files.open('/a', 'write');
    const b = files.open('/b', 'write');
    files.thaw('/b');
    put(b, 'x');
    expect(() => put(a, 'x')).toThrow(AssertionError);
    expect(() => files.freeze('/none')).toThrow(AssertionError);
    expect(() => files.thaw('/b')).toThrow(AssertionError);
  });
});

describe('a begun write', () => {
  function begin(system: Watched, ...pieces: WritePiece[]): FileHandle {
    const handle = system.files.open('/a', 'write');
    handle.beginWrite(pieces);
    return handle;
  }

  it.each(['poll', 'settle', 'close'] as const)('must not change in memory until %s', (ask) => {
    const changed = piece('xyz', 2);
    const end = (handle: FileHandle) => {
      if (ask === 'poll') while (!handle.poll());
      else handle[ask]();
    };
    const handle = begin(watched(), changed);
    changed.buffer[2] = 0;
    expect(() => end(handle)).toThrow(/the memory of a begun write of \/a at 2 changed/);

    const good = begin(watched(), changed);
    end(good);
    changed.buffer.fill(0);
    good.close();
  });

  it('that is a page to be sealed must not change beside its seal', () => {
    const seal = { seed: 1, generation: 2, checksums: new Uint32Array(1) };
    const page = { ...piece('x'.repeat(64), 0), seal };
    const good = begin(watched(), page);
    good.settle();
    expect(page.buffer.toString()).not.toBe('x'.repeat(64));
    const bad = begin(watched(), page);
    page.buffer[40] = 0;
    expect(() => bad.settle()).toThrow(/the memory of a begun write of \/a at 0 changed/);
  });

  it('must not change in memory beside a failure either, which is no excuse', () => {
    const system = watched();
    system.faults.setFault({ at: 1, code: 'EIO', operations: ['beginSync'] });
    const changed = piece('xyz', 2);
    const handle = begin(system, changed);
    handle.beginSync();
    changed.buffer[0] = 0;
    expect(() => handle.settle()).toThrow(AssertionError);
  });

  it('must not be read before it is done, through any handle of the file', () => {
    const system = watched();
    const other = system.files.open('/a', 'read');
    const elsewhere = system.files.open('/b', 'read');
    const handle = begin(system, piece('xy', 2), piece('z', 7));
    for (const reader of [handle, other]) {
      expect(() => read(reader, 0, 3)).toThrow(/during a begun write at 2/);
      expect(() => read(reader, 3, 1)).toThrow(AssertionError);
      expect(() => read(reader, 4, 10)).toThrow(/during a begun write at 7/);
      read(reader, 0, 2);
      read(reader, 4, 3);
    }
    read(elsewhere, 0, 10);
    handle.settle();
    read(handle, 0, 10);
    read(other, 0, 10);
  });

  it('may be read once poll has said done, not once it was asked', () => {
    const handle = begin(watched(), piece('xy', 2));
    let polls = 0;
    while (!handle.poll()) {
      polls++;
      expect(() => read(handle, 0, 3)).toThrow(AssertionError);
    }
    expect(polls).toBeGreaterThan(0);
    read(handle, 0, 3);
  });

  it('must not be overtaken by a write or a truncate', () => {
    const system = watched();
    const other = system.files.open('/a', 'write');
    const handle = begin(system, piece('xy', 2));
    expect(() => put(handle, 'z', 3)).toThrow(AssertionError);
    expect(() => put(other, 'z', 2)).toThrow(AssertionError);
    expect(() => other.truncate(3)).toThrow(AssertionError);
    put(other, 'z', 4);
    other.truncate(4);
    handle.beginWrite([piece('XY', 2)]);
    handle.settle();
    put(other, 'z', 2);
  });

  it('is over when it has failed', () => {
    const system = watched();
    system.faults.setFault({ at: 1, code: 'EIO', operations: ['beginWrite'] });
    const handle = begin(system, piece('xy', 2));
    expect(() => handle.settle()).toThrow(DiskError);
    read(handle, 0, 10);
  });
});

describe('rules of others', () => {
  it('see each call before it is made, and can forbid it', () => {
    const { disk, files } = watched();
    const seen: string[] = [];
    files.addRule(({ operation, path, mode, to, size, pieces }) => {
      const bytes = pieces?.map(({ at, length }) => `${at}+${length}`).join(' ');
      seen.push([operation, path, mode, to, size, bytes].filter((part) => part).join(' '));
    });
    files.addRule(({ operation, pieces = [] }) => {
      const written = operation === 'write' || operation === 'beginWrite';
      const first = pieces.map(({ buffer, offset }) => buffer[offset]);
      assert(!written || !first.includes(0x21), 'no exclamation marks');
    });
    const handle = files.open('/a', 'write');
    put(handle, 'abc', 4);
    handle.beginWrite([piece('x', 0), piece('yz', 1)]);
    handle.settle();
    handle.truncate(8);
    handle.close();
    files.rename('/a', '/c');
    expect(seen).toEqual([
      'open /a write',
      'write /a write 4+3',
      'beginWrite /a write 0+1 1+2',
      'settle /a write',
      'truncate /a write 8',
      'close /a write',
      'rename /a /c',
    ]);
    const again = files.open('/c', 'write');
    expect(() => put(again, '!')).toThrow('no exclamation marks');
    expect(() => again.beginWrite([piece('x', 0), piece('!', 1)])).toThrow(AssertionError);
    expect(Buffer.from(disk.snapshotFile('/c')).toString()).toBe('xyz3abc7');
  });

  it('may be told what came of it', () => {
    const { files, faults } = watched();
    const seen: string[] = [];
    files.addObserver(({ operation, path }, outcome) => {
      const end = 'error' in outcome ? (outcome.error as Error).name : String(outcome.result);
      seen.push(`${operation} ${path} ${end}`);
    });
    const handle = files.open('/a', 'write');
    handle.sync();
    handle.write(Buffer.from('abc'), 0, 3, 0);
    faults.setFault({ at: 1, code: 'EIO', operations: ['sync'] });
    expect(() => handle.sync()).toThrow(DiskError);
    handle.poll();
    expect(seen).toEqual([
      'open /a [object Object]',
      'sync /a undefined',
      'write /a 3',
      'sync /a DiskError',
      'poll /a true',
    ]);
  });
});

describe('everything else', () => {
  it('is passed on', () => {
    const { disk, files } = watched();
    expect(files.exists('/a')).toBe(true);
    expect(files.list('/')).toEqual(['a', 'b']);
    expect(files.identify('/a')).toEqual(disk.identify('/a'));
    files.makeDirectory('/d');
    files.syncDirectory('/');
    expect(disk.powerCut().list('/')).toEqual(['a', 'b', 'd']);
    files.rename('/a', '/d/a');
    files.remove('/b');
    expect(() => files.open('/b', 'read')).toThrow(DiskError);
    const handle = files.open('/d/a', 'read');
    expect(handle.path).toBe('/d/a');
    expect(handle.identity()).toEqual(files.identify('/d/a'));
    expect(handle.size()).toBe(10);
    const buffer = new Uint8Array(4);
    expect(handle.read(buffer, 1, 3, 8)).toBe(2);
    expect(buffer[1]).toBe(0x38);
    expect(handle.tryLock('shared')).toBe(true);
    expect(disk.open('/d/a', 'read').tryLock('exclusive')).toBe(false);
    handle.close();
    files.assertNothingOpen();
  });

  it('asks the disk nothing of its own while nothing is frozen or begun', () => {
    const { files, faults } = watched();
    const handle = files.open('/a', 'write');
    put(handle, 'abc');
    read(handle, 0, 3);
    handle.sync();
    handle.close();
    expect(faults.counted).toBe(5);
  });
});
