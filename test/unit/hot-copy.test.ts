/** Hot copies that do not get to their end: a rename that fails, a kill at any moment. */
import { expect, test } from 'vitest';
import { BtrieveError, type MicroKernel } from '../../src/index.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import {
  add,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const NAMES = ['a.dat', 'b.dat', 'c.dat'];
const FILES = NAMES.map((name) => `/d/${name}`);

/** Three files of 10 records, copied, and 10 more in each of them. */
function begin(): { world: LogWorld; engine: MicroKernel; faulty: FaultyFileSystem } {
  const world = newLogWorld();
  const faulty = new FaultyFileSystem(world.ports.files);
  world.disk.makeDirectory('/d/backup');
  world.disk.syncDirectory('/d');
  const ports = { ...world.ports, files: faulty };
  const engine = startEngine({ ...world, ports });
  const client = engine.client();
  for (const path of FILES) {
    const file = makeFile(client, path);
    add(client, file, 1, 10);
    file.close();
  }
  engine.hotCopy(FILES, '/d/backup');
  for (const path of FILES) {
    const file = client.openFile(path, Line);
    add(client, file, 11, 20);
    file.close();
  }
  return { world, engine, faulty };
}

function countsOf(engine: MicroKernel): number[] {
  return NAMES.map((name) => numbersIn(engine.client(), `/d/backup/${name}`).length);
}

const REPLACE = { replace: true };
const isOfBackup = (path: string): boolean => path.startsWith('/d/backup/');

test('a late rename fails: every old copy is there again, and nothing else', () => {
  for (let at = 1; ; at++) {
    const { world, engine, faulty } = begin();
    faulty.setFault({ at, code: 'EIO', operations: ['rename'], paths: isOfBackup });
    let status = 0;
    try {
      engine.hotCopy(FILES, '/d/backup', REPLACE);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      status = error.status;
    }
    const isHit = faulty.hits.length > 0;
    faulty.setFault();
    expect(status === 0).toBe(!isHit);
    expect(world.disk.list('/d/backup')).toEqual(NAMES);
    expect(countsOf(engine)).toEqual(isHit ? [10, 10, 10] : [20, 20, 20]);
    expect(engine.continuous()).toEqual([]);
    engine.stop();
    if (!isHit) {
      expect(at).toBe(7);
      return;
    }
  }
});

test('renames fail from one on: no copy and no old one is lost', () => {
  for (let at = 1; at <= 6; at++) {
    const { world, engine, faulty } = begin();
    faulty.setFault({ at, code: 'EIO', lasting: true, operations: ['rename'], paths: isOfBackup });
    expect(() => engine.hotCopy(FILES, '/d/backup', REPLACE)).toThrow(
      expect.objectContaining({ status: 2 }) as Error,
    );
    faulty.setFault();
    for (const name of NAMES) {
      const names = [name, `${name}.isamite-replaced`];
      expect(names.some((each) => world.disk.exists(`/d/backup/${each}`))).toBe(true);
    }
    // The next one begins by putting things right.
    engine.hotCopy(FILES, '/d/backup', REPLACE);
    expect(world.disk.list('/d/backup')).toEqual(NAMES);
    expect(countsOf(engine)).toEqual([20, 20, 20]);
    engine.stop();
  }
});

test('killed while copies take their places: after the next start all are old ones, or all new', () => {
  // Two renames for each, and then what was replaced is removed.
  for (let at = 1; at <= 9; at++) {
    const { world, engine, faulty } = begin();
    const copying = engine.hotCopying(FILES, '/d/backup', REPLACE);
    for (let step = 0; step < 3; step++) copying.next();
    faulty.setFault({ at, code: 'EIO', operations: ['rename', 'remove'], lasting: true });
    expect(() => copying.next()).toThrow();
    const after = kill(world, engine);
    const next = startEngine(after);
    expect(after.disk.list('/d/backup')).toEqual(NAMES);
    expect(countsOf(next), `cut at ${at}`).toEqual(at <= 6 ? [10, 10, 10] : [20, 20, 20]);
    next.stop();
  }
});

test('killed at any step: the next engine takes the files out, and half copies away', () => {
  for (let steps = 1; steps <= 3; steps++) {
    const { world, engine } = begin();
    const copying = engine.hotCopying(FILES, '/d/backup', REPLACE);
    for (let step = 0; step < steps; step++) copying.next();
    expect(world.disk.list('/d/backup')).toContain('a.dat.isamite-copy');
    const after = kill(world, engine);
    const next = startEngine(after);
    expect(after.disk.list('/d/backup')).toEqual(NAMES);
    expect(next.continuous()).toMatchObject(NAMES.map(() => ({ by: 'hotcopy', state: 'ending' })));
    const client = next.client();
    expect(numbersIn(client, '/d/a.dat')).toHaveLength(20);
    expect(next.continuous()).toHaveLength(2);
    next.hotCopy(FILES, '/d/backup', REPLACE);
    expect(next.continuous()).toEqual([]);
    expect(countsOf(next)).toEqual([20, 20, 20]);
    expect(after.disk.list('/d')).toEqual([...NAMES, 'backup', 'root'].sort());
    next.stop();
  }
});

test('two at a time to one place: the second is refused, and the first goes on', () => {
  const { world, engine } = begin();
  world.disk.makeDirectory('/d/e');
  makeFile(engine.client(), '/d/e/a.dat').close();
  const copying = engine.hotCopying(['/d/a.dat'], '/d/backup', REPLACE);
  copying.next();
  expect(() => engine.hotCopy(['/d/e/a.dat'], '/d/backup', REPLACE)).toThrow(
    expect.objectContaining({ status: 85, reason: 'copying' }) as Error,
  );
  expect([...copying].length).toBeGreaterThan(0);
  expect(countsOf(engine)).toEqual([20, 10, 10]);
  engine.stop();
});
