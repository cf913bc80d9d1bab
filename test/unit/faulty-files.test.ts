/**
 * The failing disk and the one that writes down what is asked of it: that they strike and note
 * exactly what they should, and are the disk behind them otherwise.
 */
import { describe, expect, it } from 'vitest';
import { DiskError, readFully, writeFully } from '../../src/microkernel/disk-error.js';
import type { FileHandle, WritePiece } from '../../src/microkernel/ports.js';
import { describeFileSystem } from '../contract/file-system.contract.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import type { Fault, FaultyOptions } from '../support/faulty-files.js';
import { RecordingFileSystem } from '../support/recording-files.js';
import { SimFileSystem } from '../support/sim-files.js';

function diskWith(content: string): SimFileSystem {
  const files = new SimFileSystem({ seed: 1 });
  files.putFile('/a', Buffer.from(content));
  return files;
}

function contentOf(files: SimFileSystem, path = '/a'): string {
  return Buffer.from(files.snapshotFile(path)).toString('latin1').replaceAll('\0', '.');
}

function faulty(content: string, options: FaultyOptions) {
  const disk = diskWith(content);
  return { disk, files: new FaultyFileSystem(disk, options) };
}

function put(handle: FileHandle, content: string, at = 0): void {
  writeFully(handle, Buffer.from(content), 0, content.length, at);
}

function piece(content: string, at: number): WritePiece {
  return { buffer: Buffer.from(content), offset: 0, length: content.length, at };
}

/** What a call failed with, as `operation path code`. */
function failureOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return `${error.operation} ${error.path} ${error.code}`;
  }
  return 'none';
}

describeFileSystem({
  name: 'faulty, without a fault',
  make: () => {
    const disk = new SimFileSystem({ seed: 1 });
    disk.makeDirectory('/sim');
    return { files: new FaultyFileSystem(disk), root: '/sim', dispose: () => undefined };
  },
});

describeFileSystem({
  name: 'recording',
  make: () => {
    const disk = new SimFileSystem({ seed: 1 });
    disk.makeDirectory('/sim');
    return { files: new RecordingFileSystem(disk), root: '/sim', dispose: () => undefined };
  },
});

describe('a fault', () => {
  /** One call of each kind. */
  function workload(files: FaultyFileSystem): string[] {
    const failures: string[] = [];
    const attempt = (call: () => unknown) => {
      const failure = failureOf(call);
      if (failure !== 'none') failures.push(failure);
    };
    const buffer = new Uint8Array(2);
    attempt(() => files.exists('/a'));
    attempt(() => files.identify('/a'));
    attempt(() => files.list('/'));
    attempt(() => files.makeDirectory('/d'));
    attempt(() => files.open('/b', 'create').close());
    attempt(() => files.rename('/b', '/d/b'));
    attempt(() => files.remove('/d/b'));
    attempt(() => files.syncDirectory('/'));
    attempt(() => {
      const handle = files.open('/a', 'write');
      attempt(() => handle.identity());
      attempt(() => handle.size());
      attempt(() => handle.read(buffer, 0, 2, 0));
      attempt(() => handle.write(buffer, 0, 2, 0));
      attempt(() => handle.truncate(1));
      attempt(() => handle.sync());
      attempt(() => handle.tryLock('shared'));
      handle.beginWrite([piece('x', 0)]);
      handle.beginSync();
      attempt(() => handle.settle());
      attempt(() => handle.close());
    });
    return failures;
  }

  it('strikes the call that was ordered and no other', () => {
    const { files } = faulty('abc', { fault: { at: Infinity, code: 'EIO' } });
    expect(workload(files)).toEqual([]);
    const count = files.counted;
    expect(count).toBe(20);
    const struck: string[] = [];
    for (let at = 1; at <= count; at++) {
      const { files: failing } = faulty('abc', { fault: { at, code: 'EDQUOT' } });
      const failures = workload(failing);
      expect(failures[0]).toContain('EDQUOT');
      expect(failing.hits).toHaveLength(1);
      expect(failing.hits[0]!.number).toBe(at);
      struck.push(failing.hits[0]!.operation);
    }
    expect(struck).toEqual([
      'exists',
      'identify',
      'list',
      'makeDirectory',
      'create',
      'close',
      'rename',
      'remove',
      'syncDirectory',
      'open',
      'identity',
      'size',
      'read',
      'write',
      'truncate',
      'sync',
      'tryLock',
      'beginWrite',
      'beginSync',
      'close',
    ]);
  });

  it('lets the next call through, or strikes from then on', () => {
    const fault: Fault = { at: 2, code: 'ENOSPC', operations: ['write'] };
    for (const lasting of [false, true]) {
      const { disk, files } = faulty('....', { fault: { ...fault, lasting } });
      const handle = files.open('/a', 'write');
      const failures = ['A', 'B', 'C', 'D'].map((letter, at) =>
        failureOf(() => put(handle, letter, at)),
      );
      expect(contentOf(disk)).toBe(lasting ? 'A...' : 'A.CD');
      expect(failures.filter((failure) => failure === 'write /a ENOSPC')).toHaveLength(
        lasting ? 3 : 1,
      );
      expect(files.counted).toBe(4);
      expect(files.hits.map(({ number }) => number)).toEqual(lasting ? [2, 3, 4] : [2]);
    }
  });

  it('counts only calls of the chosen kinds and paths', () => {
    const paths = (path: string) => path.startsWith('/b');
    const { files } = faulty('', { fault: { at: 1, code: 'EROFS', operations: ['write'], paths } });
    const a = files.open('/a', 'write');
    const b = files.open('/b', 'create');
    put(a, 'x');
    expect(files.counted).toBe(0);
    expect(failureOf(() => put(b, 'x'))).toBe('write /b EROFS');
    expect(files.hits).toEqual([{ number: 1, operation: 'write', path: '/b' }]);
  });

  it('can be ordered and called off later', () => {
    const { files } = faulty('', {});
    files.list('/');
    files.setFault({ at: 1, code: 'EMFILE', operations: ['open', 'create'], lasting: true });
    expect(files.counted).toBe(0);
    expect(failureOf(() => files.open('/a', 'read'))).toBe('open /a EMFILE');
    expect(failureOf(() => files.open('/b', 'create'))).toBe('open /b EMFILE');
    files.setFault();
    files.open('/a', 'read').close();
    expect(files.hits).toEqual([]);
  });

  it('of close closes', () => {
    const { disk, files } = faulty('abc', { fault: { at: 1, code: 'EIO', operations: ['close'] } });
    const handle = files.open('/a', 'write');
    expect(handle.tryLock('exclusive')).toBe(true);
    expect(failureOf(() => handle.close())).toBe('close /a EIO');
    handle.close();
    expect(disk.open('/a', 'read').tryLock('exclusive')).toBe(true);
    expect(failureOf(() => handle.size())).toContain('EBADF');
  });

  it('leaves part of a write behind if it may, never all of it', () => {
    const left = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const fault: Fault = {
        at: 1,
        code: 'EIO',
        operations: ['write', 'beginWrite'],
        partial: true,
      };
      const { disk, files } = faulty('....', { seed, fault });
      const handle = files.open('/a', 'write');
      if (seed % 2 === 0) expect(failureOf(() => put(handle, 'ABCD'))).toBe('write /a EIO');
      else {
        handle.beginWrite([piece('AB', 0), piece('CD', 2)]);
        expect(failureOf(() => handle.settle())).toBe('write /a EIO');
      }
      expect(contentOf(disk)).toMatch(/^A?B?C?\.+$/);
      left.add(contentOf(disk).indexOf('.'));
    }
    expect([...left].sort()).toEqual([0, 1, 2, 3]);
  });
});

describe('part of a page that is to be sealed', () => {
  it('is part of what is sealed as a whole', () => {
    const fault: Fault = { at: 1, code: 'EIO', operations: ['beginWrite'], partial: true };
    const { disk, files } = faulty('', { fault: { ...fault, partialBytes: 30 } });
    const handle = files.open('/a', 'write');
    const checksums = new Uint32Array(1);
    const page = { ...piece('x'.repeat(64), 0), seal: { seed: 1, generation: 2, checksums } };
    handle.beginWrite([page]);
    expect(failureOf(() => handle.settle())).toBe('write /a EIO');
    const part = Buffer.from(disk.snapshotFile('/a'));
    handle.beginWrite([page]);
    handle.settle();
    expect(part.equals(page.buffer.subarray(0, 30))).toBe(true);
    expect(part.readUInt32LE(0)).toBe(checksums[0]);
  });
});

describe('a fault in begun work', () => {
  function struck(operation: 'beginWrite' | 'beginSync', at = 1) {
    const { disk, files } = faulty('....', {
      fault: { at, code: 'EIO', operations: [operation] },
    });
    return { disk, files, handle: files.open('/a', 'write') };
  }

  it.each([
    ['beginWrite', 'poll'],
    ['beginWrite', 'settle'],
    ['beginSync', 'poll'],
    ['beginSync', 'settle'],
  ] as const)('of %s surfaces at %s, once', (operation, ask) => {
    const { disk, handle } = struck(operation);
    if (operation === 'beginWrite') handle.beginWrite([piece('A', 0)]);
    else handle.beginSync();
    const asking = () => {
      if (ask === 'settle') handle.settle();
      else while (!handle.poll());
    };
    expect(failureOf(asking)).toBe(`${operation === 'beginWrite' ? 'write' : 'sync'} /a EIO`);
    expect(handle.poll()).toBe(true);
    handle.settle();
    expect(contentOf(disk)).toBe('....');
  });

  it('comes after what was begun before, and takes with it what was begun later', () => {
    const { disk, handle, files } = struck('beginWrite', 2);
    handle.beginWrite([piece('A', 0)]);
    handle.beginWrite([piece('B', 1)]);
    handle.beginWrite([piece('C', 2)]);
    handle.beginSync();
    expect(files.counted).toBe(2);
    expect(failureOf(() => handle.settle())).toBe('write /a EIO');
    expect(contentOf(disk)).toBe('A...');
    expect(Buffer.from(disk.powerCut().snapshotFile('/a')).toString()).toBe('....');
    expect(handle.poll()).toBe(true);
  });

  it('goes on failing on that handle until it is reported, and on no other', () => {
    const { disk, handle, files } = struck('beginSync');
    handle.beginSync();
    handle.beginWrite([piece('A', 0)]);
    expect(failureOf(() => handle.settle())).toBe('sync /a EIO');
    handle.beginSync();
    expect(failureOf(() => handle.settle())).toBe('none');
    handle.close();
    const other = files.open('/a', 'write');
    other.beginWrite([piece('B', 1)]);
    other.beginSync();
    other.settle();
    expect(Buffer.from(disk.powerCut().snapshotFile('/a')).toString()).toBe('.B..');
  });

  it('is not reported beside a failure of the disk behind', () => {
    const { disk, handle } = struck('beginWrite');
    disk.failSync({ at: 1, model: 'clean-new' });
    handle.beginSync();
    handle.beginWrite([piece('A', 0)]);
    expect(failureOf(() => handle.settle())).toBe('sync /a EIO');
    expect(handle.poll()).toBe(true);
  });
});

describe('short reads and writes', () => {
  it('do at least one byte, at most all, and the loops get there', () => {
    const { disk, files } = faulty('', { seed: 3, short: ['read', 'write'] });
    const handle = files.open('/a', 'write');
    const content = 'The quick brown fox jumps over the lazy dog';
    const lengths = new Set<number>();
    for (let round = 0; round < 200; round++) {
      lengths.add(handle.write(Buffer.from('....'), 0, 4, 100));
      lengths.add(handle.read(Buffer.alloc(4), 0, 4, 100));
    }
    expect([...lengths].sort()).toEqual([1, 2, 3, 4]);
    handle.truncate(0);
    put(handle, content);
    expect(contentOf(disk)).toBe(content);
    const found = Buffer.alloc(100);
    expect(readFully(handle, found, 0, 100, 0)).toBe(content.length);
    expect(found.toString('latin1', 0, content.length)).toBe(content);
    expect(handle.read(found, 0, 0, 0)).toBe(0);
  });

  it('are the same for the same seed', () => {
    const lengths = (seed: number) => {
      const handle = faulty('', { seed, short: ['write'] }).files.open('/a', 'write');
      return Array.from({ length: 20 }, () => handle.write(Buffer.alloc(100), 0, 100, 0));
    };
    expect(lengths(5)).toEqual(lengths(5));
    expect(lengths(5)).not.toEqual(lengths(6));
  });
});

describe('the record', () => {
  it('has one line for each call, with its result or error', () => {
    const disk = new SimFileSystem({ seed: 1, maxPolls: 0 });
    const behind = new FaultyFileSystem(disk, {
      fault: { at: 1, code: 'EIO', operations: ['sync'] },
    });
    const files = new RecordingFileSystem(behind);
    files.makeDirectory('/d');
    const handle = files.open('/d/a', 'create');
    put(handle, 'abc', 10);
    handle.read(new Uint8Array(100), 0, 100, 8);
    handle.beginWrite([piece('xy', 0), piece('z', 20)]);
    handle.beginSync();
    handle.poll();
    failureOf(() => handle.sync());
    handle.truncate(5);
    handle.size();
    handle.identity();
    handle.tryLock('shared');
    handle.settle();
    files.rename('/d/a', '/d/b');
    files.syncDirectory('/d');
    files.list('/d');
    files.exists('/d/a');
    files.identify('/d/a');
    failureOf(() => files.open('/d/a', 'read'));
    files.open('/d/b', 'read').close();
    handle.close();
    files.remove('/d/b');
    expect(files.lines).toEqual([
      'makeDirectory /d',
      'open /d/a create = #1',
      'write #1 /d/a 10+3 = 3',
      'read #1 /d/a 8+100 = 5',
      'beginWrite #1 /d/a 0+2 20+1',
      'beginSync #1 /d/a',
      'poll #1 /d/a = true',
      'sync #1 /d/a ! EIO',
      'truncate #1 /d/a 5',
      'size #1 /d/a = 5',
      'identity #1 /d/a = 1:3',
      'tryLock #1 /d/a shared = true',
      'settle #1 /d/a',
      'rename /d/a /d/b',
      'syncDirectory /d',
      'list /d = b',
      'exists /d/a = false',
      'identify /d/a = none',
      'open /d/a read ! ENOENT',
      'open /d/b read = #2',
      'close #2 /d/b',
      'close #1 /d/a',
      'remove /d/b',
    ]);
  });

  it('leaves out what is not wanted, and begins anew when taken', () => {
    const files = new RecordingFileSystem(diskWith('abc'), { omit: ['poll', 'open', 'close'] });
    const handle = files.open('/a', 'write');
    handle.poll();
    handle.sync();
    expect(files.takeLines()).toEqual(['sync #1 /a']);
    handle.close();
    expect(files.lines).toEqual([]);
  });

  it('names what is no error of the disk', () => {
    const disk = diskWith('abc');
    const files = new RecordingFileSystem(disk);
    disk.cutPowerAt(1);
    expect(() => files.remove('/a')).toThrow('Power cut');
    expect(files.lines).toEqual(['remove /a ! PowerCut']);
  });
});
