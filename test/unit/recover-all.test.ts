/** Rolling all files forward, listing who needs the log, and giving up what it has. */
import { describe, expect, test } from 'vitest';
import {
  BtrieveError,
  listRootLog,
  planRootRelease,
  setOwnerName,
  type LogListing,
  type MicroKernel,
  type RecoveryStep,
} from '../../src/index.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import {
  add,
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  ROOT,
  startEngine,
  worldOf,
  type LogWorld,
} from '../support/log-world.js';

const A = '/d/a.dat';
const B = '/d/b.dat';
const C = '/d/c.dat';

function list({ disk }: LogWorld): LogListing {
  return listRootLog({ root: ROOT, files: disk });
}

function standings(world: LogWorld): Record<string, string> {
  return Object.fromEntries(list(world).files.map(({ file, standing }) => [file, standing]));
}

function outcomes(engine: MicroKernel, owner = ''): Record<string, string> {
  const results = engine.recoverAll({ owner });
  return Object.fromEntries(results.map(({ file, outcome, reason }) => [file, reason ?? outcome]));
}

function refusal(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Three files with changes that are in the log only. */
function crashed(): LogWorld {
  const world = newLogWorld();
  const engine = startEngine(world);
  const client = engine.client();
  const files = [A, B, C].map((path) => makeFile(client, path));
  client.transaction(() => {
    for (const file of files) for (const n of [1, 2, 3]) file.insert({ n, text: '' });
  });
  for (const file of files) add(client, file, 4);
  return kill(world, engine);
}

describe('recovering all', () => {
  test('gives every file what the log has for it, and frees the log', () => {
    const world = crashed();
    expect(standings(world)).toEqual({ [A]: 'waits', [B]: 'waits', [C]: 'waits' });
    expect(list(world).bytesToRecover).toBeGreaterThan(512);
    const engine = startEngine(world);
    const steps: RecoveryStep[] = [];
    const results = engine.recoverAll({ onProgress: (step) => steps.push(step) });
    expect(results).toMatchObject([
      { file: A, outcome: 'recovered', transactions: 2, changes: 4 },
      { file: B, outcome: 'recovered', transactions: 2, changes: 4 },
      { file: C, outcome: 'recovered', transactions: 2, changes: 4 },
    ]);
    expect(steps.map(({ done, files }) => `${done} of ${files}`)).toEqual([
      '0 of 3',
      '1 of 3',
      '2 of 3',
    ]);
    expect(engine.statistics().log.waitingFiles).toEqual([]);
    expect(engine.recoverAll()).toEqual([]);
    engine.stop();
    expect(list(world)).toMatchObject({ isClean: true, files: [], segments: [] });
    const again = startEngine(world);
    expect(numbersIn(again.client(), B)).toEqual([1, 2, 3, 4]);
    again.stop();
  });

  test('says what keeps a file from it, and goes on with the others', () => {
    const world = crashed();
    world.disk.remove(A);
    putBack(world, B, copyOf(world, C));
    const damaged = copyOf(world, C);
    damaged.fill(0xff, 0, 3 * 4096);
    const engine = startEngine(world);
    expect(standings(world)).toEqual({ [A]: 'gone', [B]: 'replaced', [C]: 'waits' });
    expect(outcomes(engine)).toEqual({ [A]: 'gone', [B]: 'replaced', [C]: 'recovered' });
    expect(engine.statistics().log.waitingFiles).toEqual([A, B]);
    putBack(world, B, damaged);
    expect(outcomes(engine)).toEqual({ [A]: 'gone', [B]: 'damaged' });
    engine.stop();
    expect(list(world)).toMatchObject({ isClean: false });
  });

  test('what was closed before the crash needs nothing', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 5);
    a.close();
    add(client, makeFile(client, B), 1, 5);
    const later = kill(world, engine);
    expect(standings(later)).toEqual({ [A]: 'closed', [B]: 'waits' });
    const second = startEngine(later);
    expect(outcomes(second)).toEqual({ [A]: 'nothing-to-do', [B]: 'recovered' });
    second.stop();
    expect(list(later).isClean).toBe(true);
  });

  test('opening such a file frees the log as well', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 5);
    a.close();
    const later = kill(world, engine);
    const second = startEngine(later);
    expect(second.statistics().log.waitingFiles).toEqual([A]);
    expect(numbersIn(second.client(), A)).toEqual([1, 2, 3, 4, 5]);
    expect(second.statistics().log.waitingFiles).toEqual([]);
    second.stop();
  });

  test('a file that has everything already can be opened again and again', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 5);
    a.flush();
    const later = kill(world, engine);
    for (let time = 1; time <= 3; time++) {
      const again = startEngine(later);
      expect(outcomes(again)).toEqual(time === 1 ? { [A]: 'nothing-to-do' } : {});
      expect(numbersIn(again.client(), A)).toEqual([1, 2, 3, 4, 5]);
      again.stop();
    }
    expect(list(later)).toMatchObject({ isClean: true, segments: [] });
  });

  test('an older copy in the place of a file is opened as it is, and the log is kept', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 2);
    a.close();
    const copy = copyOf(world, A);
    add(client, client.openFile(A, Line), 3, 4);
    const later = kill(world, engine);
    putBack(later, A, copy);
    expect(standings(later)).toEqual({ [A]: 'older' });
    const second = startEngine(later);
    expect(outcomes(second)).toEqual({ [A]: 'older' });
    expect(numbersIn(second.client(), A)).toEqual([1, 2]);
    expect(later.events.map(({ id }) => id)).toContain('file-older-than-log');
    expect(second.statistics().log.waitingFiles).toEqual([A]);
    expect(second.release(A)).toMatchObject({ kind: 'older', lost: { isAll: true } });
    expect(second.statistics().log.waitingFiles).toEqual([]);
    second.stop();
    const third = startEngine(later);
    expect(third.statistics().log.waitingFiles).toEqual([]);
    third.stop();
  });

  test('an encrypted file waits for its owner name', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    makeFile(client, A).close();
    setOwnerName(client, A, { owner: 'pam', level: 2 });
    add(client, client.openFile(A, Line, { owner: 'pam' }), 1, 3);
    add(client, makeFile(client, B), 1, 3);
    const later = kill(world, engine);
    const second = startEngine(later);
    expect(outcomes(second)).toEqual({ [A]: 'owner', [B]: 'recovered' });
    expect(outcomes(second, 'sam')).toEqual({ [A]: 'owner' });
    expect(outcomes(second, 'pam')).toEqual({ [A]: 'recovered' });
    expect(numbersIn(second.client(), A, 'pam')).toEqual([1, 2, 3]);
    second.stop();
  });
});

describe('giving up', () => {
  test('what was logged for a file that is no more, for good, though others still need the log', () => {
    const world = crashed();
    world.disk.remove(A);
    expect(planRootRelease({ root: ROOT, files: world.disk }, A)).toMatchObject({
      kind: 'gone',
      lost: { fromLsn: '1', toLsn: '2', transactions: 2, changes: 4, isAll: true, problems: [] },
    });
    const engine = startEngine(world);
    expect(engine.release(A, { dryRun: true })).toMatchObject({ kind: 'gone' });
    expect(engine.statistics().log.waitingFiles).toEqual([A, B, C]);
    expect(engine.release(A)).toMatchObject({ kind: 'gone', lost: { transactions: 2 } });
    expect(refusal(() => engine.release(A)).status).toBe(12);
    expect(engine.statistics().log.waitingFiles).toEqual([B, C]);
    expect(world.events.at(-1)).toMatchObject({ id: 'log-released', fields: { file: A } });
    engine.stop();
    expect(standings(world)).toEqual({ [A]: 'released', [B]: 'waits', [C]: 'waits' });
    const again = startEngine(world);
    expect(outcomes(again)).toEqual({ [B]: 'recovered', [C]: 'recovered' });
    again.stop();
    expect(list(world).isClean).toBe(true);
  });

  test('what a lost segment had; the file goes on from what it holds', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 2);
    a.flush();
    add(client, a, 3, 4);
    const later = kill(world, engine);
    for (const { path } of list(later).segments) later.disk.remove(path);
    const second = startEngine(later);
    const reader = second.client();
    expect(refusal(() => reader.openFile(A, Line)).status).toBe(147);
    expect(later.events.map(({ id }) => id)).toContain('file-not-recovered');
    const plan = second.release(A);
    expect(plan).toMatchObject({ kind: 'held', lost: { toLsn: undefined, isAll: false } });
    expect(numbersIn(reader, A)).toEqual([1, 2]);
    add(reader, reader.openFile(A, Line), 5, 6);
    const third = kill(later, second);
    const last = startEngine(third);
    expect(numbersIn(last.client(), A)).toEqual([1, 2, 5, 6]);
    last.stop();
  });

  test('changes that could be had, which do not come back', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 2);
    a.flush();
    add(client, a, 3, 4);
    const b = makeFile(client, B);
    add(client, b, 1);
    const later = kill(world, engine);
    const second = startEngine(later);
    expect(second.release(A)).toMatchObject({
      kind: 'held',
      lost: { transactions: 1, changes: 2, isAll: true },
    });
    expect(refusal(() => second.release(A))).toMatchObject({
      status: 160,
      reason: 'nothing-to-release',
    });
    const writer = second.client();
    add(writer, writer.openFile(A, Line), 7);
    const third = kill(later, second);
    const last = startEngine(third);
    expect(outcomes(last)).toEqual({ [A]: 'recovered', [B]: 'recovered' });
    expect(numbersIn(last.client(), A)).toEqual([1, 2, 7]);
    last.stop();
  });

  test('what the log of another root has; open files are refused', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 2);
    a.flush();
    add(client, a, 3);
    const later = kill(world, engine);
    const root = '/d/other';
    const other = startEngine(later, {}, { root, seed: 2 });
    const theirs = other.client();
    expect(refusal(() => theirs.openFile(A, Line)).status).toBe(148);
    const lost = { transactions: 1, changes: 1, isAll: true };
    expect(other.release(A)).toMatchObject({ kind: 'held-elsewhere', root: ROOT, lost });
    expect(numbersIn(theirs, A)).toEqual([1, 2]);
    const file = theirs.openFile(A, Line);
    add(theirs, file, 8);
    expect(refusal(() => other.release(A)).status).toBe(88);
    const third = kill(later, other);
    const last = startEngine(third, {}, { root, seed: 2 });
    expect(numbersIn(last.client(), A)).toEqual([1, 2, 8]);
    last.stop();
    const owner = startEngine(third);
    expect(outcomes(owner)).toEqual({ [A]: 'nothing-to-do' });
    owner.stop();
  });

  test('is refused for a file that has everything, and one that nobody knows', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    makeFile(engine.client(), A).close();
    expect(refusal(() => engine.release(A)).reason).toBe('nothing-to-release');
    expect(refusal(() => engine.release('/d/none.dat')).status).toBe(12);
    engine.stop();
    expect(refusal(() => engine.release(A)).status).toBe(20);
    expect(refusal(() => engine.recoverAll()).status).toBe(20);
  });
});

describe('the list', () => {
  test('beside an engine that runs: its files are open, and nothing is changed', () => {
    const world = newLogWorld();
    expect(list(world)).toMatchObject({ log: undefined, segments: [], files: [] });
    const engine = startEngine(world, { transactionLogSize: 65_536 });
    const client = engine.client();
    const a = makeFile(client, A);
    for (let from = 1; from <= 1001; from += 100) {
      add(client, a, from, from + 99);
    }
    const names = world.disk.list(`${ROOT}/log`);
    const listing = list(world);
    expect(listing).toMatchObject({ isInUse: true, isClean: false, session: 1, problems: [] });
    expect(listing.files).toMatchObject([{ file: A, standing: 'open', neededFrom: '1' }]);
    expect(listing.segments.length).toBeGreaterThan(1);
    for (const segment of listing.segments) expect(segment).toMatchObject({ neededBy: 1 });
    expect(listing.segments[0]).toMatchObject({ name: '00000001.LOG', firstLsn: '1' });
    expect(world.disk.list(`${ROOT}/log`)).toEqual(names);
    engine.stop();
    expect(list(world)).toMatchObject({ isInUse: false, isClean: true, segments: [] });
  });

  test('says what is damaged', () => {
    const world = crashed();
    const path = list(world).segments[0]?.path ?? '';
    const bytes = copyOf(world, path);
    bytes.fill(0, 0, 16);
    putBack(world, path, bytes);
    expect(list(world).problems).toHaveLength(1);
  });
});

describe('a file that was moved', () => {
  test('gets its changes where it is now, and the log waits for nothing', () => {
    const world = crashed();
    world.disk.rename(A, '/d/moved.dat');
    const engine = startEngine(world);
    expect(outcomes(engine)).toEqual({ [A]: 'gone', [B]: 'recovered', [C]: 'recovered' });
    expect(numbersIn(engine.client(), '/d/moved.dat')).toEqual([1, 2, 3, 4]);
    expect(engine.statistics().log.waitingFiles).toEqual([]);
    engine.stop();
    expect(list(world).isClean).toBe(true);
  });
});

describe('a crash in the middle of giving up', () => {
  test('leaves a file that is given up or not, and never half of it', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    const a = makeFile(client, A);
    add(client, a, 1, 2);
    a.flush();
    add(client, a, 3, 4);
    add(client, a, 5);
    const later = kill(world, engine);
    const seen = new Set<string>();
    let isDone = false;
    for (let nth = 1; !isDone; nth++) {
      const disk = later.disk.crashPoint().imageWith(() => true);
      const faulty = new FaultyFileSystem(disk);
      const second = startEngine({ ...later, disk, ports: { ...later.ports, files: faulty } });
      const operations = ['write', 'sync', 'rename', 'remove', 'create', 'syncDirectory'] as const;
      faulty.setFault({ at: nth, code: 'EIO', lasting: true, operations });
      try {
        second.release(A);
        isDone = true;
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
      }
      for (const survives of [true, false]) {
        const found = worldOf(disk.crashPoint().imageWith(() => survives));
        const third = startEngine(found);
        const reader = third.client();
        const numbers = numbersIn(reader, A);
        expect([
          [1, 2],
          [1, 2, 3, 4, 5],
        ]).toContainEqual(numbers);
        if (isDone) expect(numbers).toEqual([1, 2]);
        seen.add(numbers.join());
        add(reader, reader.openFile(A, Line), 9);
        const last = startEngine(kill(found, third));
        expect(numbersIn(last.client(), A)).toEqual([...numbers, 9]);
        last.stop();
      }
      faulty.setFault();
      second.stopQuietly();
    }
    expect(seen.size).toBe(2);
  });
});
