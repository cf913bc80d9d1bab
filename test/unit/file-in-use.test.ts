/**
 * Checks, rescues and dumps of a file that an engine has open: what they find is the file at one moment, whatever
 * others do to it between their steps.
 *
 * Of the environment: `SEED`.
 */
import { mkdtempSync, openSync, readFileSync, rmSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  BtrieveError,
  checkFile,
  checkingFile,
  cloneFile,
  copyRecords,
  dumpPage,
  MicroKernel,
  recoverRecords,
  runTask,
  setOwnerName,
  type Client,
  type FileReport,
  type RecoverResult,
  type Task,
} from '../../src/index.js';
import { ImageKeeper } from '../../src/microkernel/file-image.js';
import { PageFile } from '../../src/microkernel/page-file.js';
import { randomFrom } from '../crash/world.js';
import { blankDisk } from '../crash/lab.js';
import { Line, makeFile } from '../support/log-world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RECORDS = 3000;
/** System transactions come after so many operations, so that pages are overwritten soon. */
const BUNDLE = 50;

let directory = '';
let engine: MicroKernel;
let client: Client;
let file: ReturnType<typeof makeFile>;
let random: () => number;
let next = RECORDS + 1;

const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-in-use-'));
  engine = MicroKernel.start({
    root: at('root'),
    settings: { requester: false, operationBundleLimit: BUNDLE },
  });
  client = engine.client();
  file = makeFile(client, at('a.btr'), { pageSize: 1024 });
  for (let n = 1; n <= RECORDS; n++) file.insert({ n, text: `line ${n}` });
  random = randomFrom(SEED);
  next = RECORDS + 1;
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(directory, { recursive: true });
});

/** The numbers that a file has now. */
function numbers(): Set<number> {
  return new Set([...file.scan('byN')].map(({ n }) => n));
}

/** Inserts, changes and deletes. */
function work(operations: number): void {
  for (let count = 0; count < operations; count++) {
    const n = 1 + Math.floor(random() * (next - 1));
    const chance = random();
    if (chance < 0.4) file.insert({ n: next++, text: `new ${chance}` });
    else if (chance < 0.7) file.update('byN', n, { text: `changed ${chance}` });
    else file.delete('byN', n);
  }
}

/** Runs a task while others write between its steps. Returns what it came to, and after how many steps. */
function beside<R>(task: Task<R>, between: (step: number) => void): { result: R; steps: number } {
  for (let steps = 1; ; steps++) {
    const { done, value } = task.next();
    if (done === true) return { result: value, steps };
    between(steps);
  }
}

function recovering(output: string): Task<RecoverResult> {
  return recoverRecords(at('a.btr'), at(output), { client });
}

/** The numbers in an unformatted file. */
function saved(name: string): Set<number> {
  const bytes = readFileSync(at(name));
  const found = new Set<number>();
  for (let from = 0; from < bytes.length && bytes[from] !== 26;) {
    const comma = bytes.indexOf(44, from);
    const length = Number(bytes.toString('latin1', from, comma));
    found.add(bytes.readInt32LE(comma + 1));
    from = comma + 1 + length + 2;
  }
  return found;
}

describe('a file that others write to', () => {
  test('is checked as it was at the beginning', () => {
    const before = numbers();
    const { result, steps } = beside(checkingFile(at('a.btr'), { client }), () => work(200));
    console.log(`file in use: SEED=${SEED}, ${steps} steps of the check, ${next - 1} numbers`);
    expect(steps).toBeGreaterThan(5);
    expect(numbers()).not.toEqual(before);
    expect(result.findings).toEqual([]);
    expect(result.content?.records).toBe(before.size);
    expect(checkFile(at('a.btr'), { client }).content?.records).toBe(numbers().size);
  });

  test('is rescued as it was at the beginning', () => {
    const before = numbers();
    const { result } = beside(recovering('r.seq'), () => work(200));
    expect(result).toMatchObject({ problemCount: 0, recovered: before.size, notes: [] });
    expect(saved('r.seq')).toEqual(before);
    expect(saved('r.seq')).not.toEqual(numbers());
  });

  test('is read by several at once', () => {
    const first = checkingFile(at('a.btr'), { client });
    first.next();
    work(300);
    const before = numbers();
    const second = recovering('r.seq');
    second.next();
    work(300);
    const { result } = beside(first, () => {
      work(100);
      second.next();
    });
    expect(result.findings).toEqual([]);
    expect(result.content?.records).toBe(RECORDS);
    expect(beside(second, () => work(100)).result.recovered).toBe(before.size);
    expect(saved('r.seq')).toEqual(before);
  });

  test('has in it what was committed, and nothing of a transaction', () => {
    const other = engine.client();
    const theirs = other.openFile(at('a.btr'), Line);
    other.transaction(() => {
      theirs.insert({ n: next + 5, text: 'not yet' });
      expect(checkFile(at('a.btr'), { client }).content?.records).toBe(RECORDS);
    });
    expect(checkFile(at('a.btr'), { client }).content?.records).toBe(RECORDS + 1);
  });

  test('is not held by a reader that is ended early', () => {
    const task = checkingFile(at('a.btr'), { client });
    task.next();
    work(200);
    task.return(undefined as unknown as FileReport);
    work(200);
    file.close();
    expect(checkFile(at('a.btr')).findingCount).toBe(0);
  });

  test('stays open until its reader is done', () => {
    const task = checkingFile(at('a.btr'), { client });
    task.next();
    work(200);
    file.close();
    expect(() => checkFile(at('a.btr'))).toThrow(
      'an engine has the file open for writing; check it there, or close it (status 85',
    );
    expect(runTask(task)).toMatchObject({ findings: [], content: { records: RECORDS } });
    expect(checkFile(at('a.btr')).closedCleanly).toBe(true);
  });

  test("is anybody's again when who had it alone closes it beside a reader", () => {
    file.close();
    const alone = client.openFile(at('a.btr'), Line, { mode: 'exclusive' });
    const task = checkingFile(at('a.btr'), { client: engine.client() });
    task.next();
    expect(() => client.openFile(at('a.btr'), Line)).toThrow('exclusive use excludes any other');
    alone.close();
    file = client.openFile(at('a.btr'), Line);
    work(100);
    expect(runTask(task)).toMatchObject({ findings: [], content: { records: RECORDS } });
  });

  test('is left by readers when the engine stops', () => {
    const task = checkingFile(at('a.btr'), { client });
    task.next();
    engine.stop();
    expect(() => runTask(task)).toThrow('closed the file before it was read to its end (status 3');
    expect(checkFile(at('a.btr')).findingCount).toBe(0);
  });
});

function emptyLike(): string {
  cloneFile(client, at('a.btr'), at('like.btr'));
  return at('like.btr');
}

describe('continuous operation', () => {
  test('begins beside a reader, who comes to an end first', () => {
    const task = checkingFile(at('a.btr'), { client });
    task.next();
    work(100);
    engine.startContinuous([at('a.btr')]);
    const frozen = readFileSync(at('a.btr'));
    work(500);
    expect(runTask(task)).toMatchObject({ findings: [], content: { records: RECORDS } });
    expect(readFileSync(at('a.btr'))).toEqual(frozen);
    engine.endContinuous([at('a.btr')]);
    expect(checkFile(at('a.btr'), { client }).content?.records).toBe(numbers().size);
  });

  test('ends beside a reader of the file with its delta, who comes to an end first', () => {
    engine.startContinuous([at('a.btr')]);
    work(500);
    const before = numbers();
    const check = checkingFile(at('a.btr'), { client });
    const rescue = recovering('r.seq');
    check.next();
    rescue.next();
    work(500);
    engine.endContinuous([at('a.btr')]);
    work(500);
    const report = runTask(check);
    expect(report).toMatchObject({ findings: [], content: { records: before.size } });
    expect(report.delta).toBe(at('a.^^^'));
    expect(runTask(rescue).notes).toEqual([`It was read with its delta, ${at('a.^^^')}.`]);
    expect(saved('r.seq')).toEqual(before);
    file.close();
    expect(checkFile(at('a.btr'))).toMatchObject({ findings: [] });
  });

  test('goes on beside a reader', () => {
    engine.startContinuous([at('a.btr')]);
    const before = numbers();
    const { result } = beside(checkingFile(at('a.btr'), { client }), () => work(200));
    expect(result).toMatchObject({ findings: [], content: { records: before.size } });
  });
});

test('a file is checked while it is frozen for a snapshot, and nothing is written', () => {
  work(100);
  engine.freeze();
  const frozen = readFileSync(at('a.btr'));
  expect(checkFile(at('a.btr'), { client })).toMatchObject({ findings: [] });
  expect(readFileSync(at('a.btr'))).toEqual(frozen);
  engine.thaw();
});

test('damage is found, also where the engine has the page in memory', () => {
  checkFile(at('a.btr'), { client });
  const { physical, pageSize } = dumpPage(at('a.btr'), { space: 'data', page: 3 }, '', client);
  const raw = openSync(at('a.btr'), 'r+');
  writeSync(raw, Buffer.from('damage'), 0, 6, physical * pageSize + 100);
  closeSync(raw);
  expect(numbers().size).toBe(RECORDS);
  const report = checkFile(at('a.btr'), { client });
  expect(report.findings).toMatchObject([{ reason: 'checksum', page: 'data page 3' }]);
  const result = runTask(recovering('r.seq'));
  expect(result).toMatchObject({ problemCount: 1, lostPages: 1, expected: RECORDS });
  const dump = dumpPage(at('a.btr'), { physical }, '', client);
  expect(dump.isSound).toBe(false);
  expect(Buffer.from(dump.bytes).toString('latin1', 100, 106)).toBe('damage');
});

test('what could not be written is said not to be in it', () => {
  work(100);
  // What is refused for want of room leaves nothing under way; neither does this, and so few begin nothing.
  engine.flush();
  work(3);
  const full = new BtrieveError(18, 'the file cannot grow', { file: at('a.btr') });
  const complete = vi.spyOn(PageFile.prototype, 'complete').mockImplementation(() => {
    throw full;
  });
  try {
    const { findings, notes } = checkFile(at('a.btr'), { client });
    const message = `what was committed last is not on disk, and was not looked at: ${full.message}`;
    expect({ findings, notes }).toEqual({
      findings: [],
      notes: [{ reason: 'unwritten', message }],
    });
    expect(runTask(recovering('r.seq'))).toMatchObject({
      isBehind: true,
      notes: [`What was committed last is not on disk, and was not read: ${full.message}.`],
    });
  } finally {
    complete.mockRestore();
  }
});

test('a damaged definition is taken from a file like it that is open as well', () => {
  runTask(copyRecords(client, at('a.btr'), emptyLike()));
  const like = client.openFile(at('like.btr'), Line);
  file.close();
  const definition = [0, 1, 2, 3]
    .map((page) => dumpPage(at('a.btr'), { space: 'other', page }))
    .find(({ header }) => header?.type === 'DEFINITION');
  const { physical = 0, pageSize = 0 } = definition ?? {};
  const raw = openSync(at('a.btr'), 'r+');
  writeSync(raw, Buffer.from('damage'), 0, 6, physical * pageSize + 100);
  closeSync(raw);
  const task = (): Task<RecoverResult> =>
    recoverRecords(at('a.btr'), at('r.seq'), { client, like: at('like.btr') });
  expect(runTask(task()).recovered).toBe(RECORDS);
  expect(() => runTask(recoverRecords(at('a.btr'), at('r.seq'), { like: at('like.btr') }))).toThrow(
    expect.objectContaining({ status: 85, file: at('like.btr') }) as Error,
  );
  like.close();
});

test('an encrypted file is checked with its owner name, and rescued with it only', () => {
  file.close();
  client.close();
  client = engine.client();
  client.createFile(at('b.btr'), Line);
  const whole = client.openFile(at('b.btr'), Line);
  whole.insert({ n: 1, text: 'secret' });
  whole.close();
  setOwnerName(client, at('b.btr'), { owner: 'pam', level: 2 });
  const opened = client.openFile(at('b.btr'), Line, { owner: 'pam' });
  opened.insert({ n: 2, text: 'secret too' });
  expect(checkFile(at('b.btr'), { client, owner: 'pam' }).content?.records).toBe(2);
  expect(checkFile(at('b.btr'), { client }).content).toBeUndefined();
  const without = recoverRecords(at('b.btr'), at('r.seq'), { client });
  expect(() => runTask(without)).toThrow(expect.objectContaining({ status: 51 }) as Error);
  const result = runTask(recoverRecords(at('b.btr'), at('r.seq'), { client, owner: 'pam' }));
  expect(result.recovered).toBe(2);
});

describe('an image', () => {
  const PAGE = 512;
  const PAGES = 64;

  /** A file whose pages are full of their numbers, and one with room for so many pages. */
  function keeping(room: number) {
    const disk = blankDisk(1);
    const handle = disk.open('/d/x', 'create');
    for (let page = 0; page < PAGES; page++) {
      handle.write(new Uint8Array(PAGE).fill(page), 0, PAGE, page * PAGE);
    }
    const state = { isEmpty: false, seen: [] as number[] };
    const keeper = new ImageKeeper(handle, PAGE, () => (state.isEmpty = true), 8 * PAGE);
    const look = (): void => {
      const bytes = new Uint8Array(PAGES * PAGE);
      for (let done = 0; done < bytes.length;)
        done += image.read(bytes, done, bytes.length - done, done);
      const isRight = bytes.every((byte, at) => byte === Math.floor(at / PAGE));
      state.seen.push(isRight ? new Set(bytes).size : -1);
    };
    const image = keeper.take({
      comeToAnEnd: look,
      overflow: () => {
        const overflow = disk.open('/d/overflow', 'create');
        const used = handle.size() + overflow.size();
        disk.capacity = used + room * PAGE;
        return overflow;
      },
    });
    const overwrite = (from: number, to: number): void => {
      for (let page = from; page < to; page++) {
        keeper.beginWrite([
          { buffer: new Uint8Array(PAGE), offset: 0, length: PAGE, at: page * PAGE },
        ]);
      }
      handle.settle();
    };
    return { state, image, look, overwrite };
  }

  test('keeps in memory what it may, and the rest in another file', () => {
    const { state, image, look, overwrite } = keeping(40);
    overwrite(0, 8);
    look();
    expect(image.keptBytes).toBe(8 * PAGE);
    overwrite(8, 40);
    look();
    overwrite(0, 40);
    look();
    expect(state).toEqual({ isEmpty: false, seen: [PAGES, PAGES, PAGES] });
    expect(image.keptBytes).toBe(8 * PAGE);
    image.end();
    expect(state.isEmpty).toBe(true);
    expect(image.keptBytes).toBe(0);
    expect(look).toThrow('EBADF');
  });

  test('has its reader come to an end before it overwrites what there is no room for', () => {
    const { state, image, overwrite } = keeping(10);
    overwrite(0, 18);
    expect(state).toEqual({ isEmpty: false, seen: [] });
    overwrite(18, 40);
    expect(state).toEqual({ isEmpty: true, seen: [PAGES] });
    expect(image.isEnded).toBe(true);
  });

  test('can be read, and nothing else', () => {
    const handle = blankDisk(1).open('/d/x', 'create');
    handle.write(new Uint8Array(1024), 0, 1024, 0);
    const reader = { comeToAnEnd: () => undefined, overflow: () => handle };
    const image = new ImageKeeper(handle, 512, () => undefined).take(reader);
    for (const change of [
      () => image.write(),
      () => image.truncate(),
      () => image.sync(),
      () => image.beginWrite(),
      () => image.beginSync(),
    ]) {
      expect(change).toThrow('EBADF');
    }
    expect([image.poll(), image.tryLock(), image.size()]).toEqual([true, true, 1024]);
    expect(image.read(new Uint8Array(8), 0, 8, 1024)).toBe(0);
    image.settle();
    image.close();
    expect(image.identity()).toEqual(handle.identity());
  });
});
