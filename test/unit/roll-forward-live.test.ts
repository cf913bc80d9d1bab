/**
 * Roll-forward in steps, and reading of archival logs, while the engine goes on with its work between two of them: a
 * log is cut for a backup, and segments of the transaction log become free.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/microkernel/ports.js';
import {
  MicroKernel,
  readArchive,
  type Client,
  type FileOf,
  type RolledFile,
} from '../../src/index.js';
import { listArchive } from '../../src/archival/archive-listing.js';
import {
  encodeArchiveHead,
  findSegments,
  placeOfSegment,
  readArchiveHead,
} from '../../src/archival/archive-segment.js';
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
  type LogWorld,
} from '../support/log-world.js';

const FILES = ['/d/a.btr', '/d/b.btr'];
const LOGS = ['/d/a.log', '/d/b.log'];
const COPIES = ['/c/a.btr', '/c/b.btr'];
/** Enough for several steps, of planning and of doing. */
const LINES = 1500;

let world: LogWorld;
let engine: MicroKernel;
let writer: Client;
let open: FileOf<typeof Line>[] = [];
let lines = 0;

beforeEach(() => {
  world = newLogWorld();
  for (const directory of ['/c', '/backup']) world.ports.files.makeDirectory(directory);
  engine = MicroKernel.start({
    ...{ root: ROOT, ports: world.ports },
    settings: { archivalLoggingSelectedFiles: true, transactionLogSize: 96 * 1024 },
    archive: { logFor: (path) => LOGS[FILES.indexOf(path)] },
  });
  writer = engine.client();
  for (const path of FILES) makeFile(writer, path).close();
  open = FILES.map((path) => writer.openFile(path, Line));
  lines = 0;
  write(10);
  engine.hotCopy(FILES, '/c');
  write(LINES);
  engine.flush();
  // Of these only the transaction log knows.
  write(LINES);
});

/** Each line in both files, in a transaction. */
function write(count: number): void {
  for (let n = 0; n < count; n++) {
    const line = { n: ++lines, text: `line ${lines}` };
    writer.transaction(() => {
      for (const file of open) file.insert(line);
    });
  }
}

function cut(): void {
  const { files } = world.ports;
  for (const name of files.list('/backup')) files.remove(`/backup/${name}`);
  engine.hotCopy(FILES, '/backup');
}

/** Rolls the copies forward, with something else behind each step; how many steps that were, too. */
function roll(meanwhile: (step: number) => void): { files: readonly RolledFile[]; steps: number } {
  const steps = engine.rollForwardSteps(COPIES, { logs: LOGS });
  let count = 0;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return { files: step.value.files, steps: count };
    meanwhile(++count);
  }
}

/** Both have all lines up to one, at least those up to `least`. */
function expectLines(least: number): void {
  const [one = [], other = []] = COPIES.map((path) => numbersIn(engine.client(), path));
  expect(one.length).toBeGreaterThanOrEqual(least);
  expect(one).toEqual(Array.from({ length: one.length }, (_, n) => n + 1));
  expect(other).toEqual(one);
}

const DONE = [{ outcome: 'rolled-forward' }, { outcome: 'rolled-forward' }];

describe('roll-forward of copies, the files themselves in use', () => {
  let before: Uint8Array[];

  beforeEach(() => {
    before = COPIES.map((path) => copyOf(world, path));
  });

  function restore(): void {
    for (const [index, path] of COPIES.entries()) {
      putBack(world, path, before[index] ?? new Uint8Array(0));
    }
  }

  test('a cut behind any one of its steps takes nothing from it', () => {
    const { steps } = roll(() => undefined);
    expect(steps).toBeGreaterThan(6);
    for (let at = 1; at <= steps; at++) {
      restore();
      const least = lines;
      const { files } = roll((step) => {
        if (step !== at) return;
        write(1);
        cut();
        write(1);
      });
      expect(files).toMatchObject(DONE);
      expectLines(least);
    }
  });

  test('the transaction log keeps what it reads, and lets it go afterwards', () => {
    const least = lines;
    expect(engine.statistics().log.segments).toBeGreaterThan(1);
    const { files } = roll((step) => {
      if (step > 3) return;
      engine.flush();
      write(LINES);
    });
    expect(files).toMatchObject(DONE);
    expectLines(least);
    write(1);
    engine.flush();
    for (const file of open) file.close();
    expect(engine.statistics().log.segments).toBe(1);
  });

  test('a log that is removed meanwhile is said, and no number is passed over', () => {
    const { steps } = roll(() => undefined);
    const outcomes = new Set<string>();
    for (let at = 1; at < steps; at++) {
      restore();
      engine.flush();
      const logs = LOGS.map((path) => copyOf(world, path));
      const { files } = roll((step) => {
        if (step === at) for (const path of LOGS) world.ports.files.remove(path);
      });
      for (const [index, path] of LOGS.entries()) {
        putBack(world, path, logs[index] ?? new Uint8Array(0));
      }
      for (const [index, { outcome, message = '' }] of files.entries()) {
        outcomes.add(`${outcome}: ${message}`);
        const found = numbersIn(engine.client(), COPIES[index] ?? '');
        expect(found).toEqual(Array.from({ length: found.length }, (_, n) => n + 1));
        if (outcome === 'rolled-forward') expect(found.length).toBe(lines);
      }
    }
    expect([...outcomes].join('\n')).toMatch(/removed or replaced/);
  });
});

test('a log that is cut while it is read is read to its end', () => {
  const seen: string[] = [];
  cut();
  write(5);
  let isCut = false;
  for (const { changes, lsn } of readArchive(LOGS[0] ?? '', { files: world.ports.files })) {
    if (changes.length > 0) seen.push(lsn ?? '');
    if (isCut) continue;
    isCut = true;
    cut();
    write(5);
  }
  expect(seen.length).toBeGreaterThanOrEqual(10 + 2 * LINES + 5);
});

describe('what was begun and not ended', () => {
  test('with the engine stopped, the log is another one’s and stays as that has it', () => {
    const settled = '/d/x.btr';
    const waiting = '/d/y.btr';
    for (const path of [settled, waiting]) {
      const file = makeFile(writer, path);
      for (let n = 1; n <= LINES; n++) add(writer, file, n);
    }
    world = kill(world, engine);
    const start = (): MicroKernel => MicroKernel.start({ root: ROOT, ports: world.ports });
    const first = start();
    const steps = first.rollForwardSteps(COPIES, { logs: LOGS, archiveOnly: true });
    steps.next();
    for (const path of [...FILES, settled]) numbersIn(first.client(), path);
    first.stop();
    const second = start();
    const client = second.client();
    const file = client.openFile(settled, Line);
    for (let n = 1; n <= 50; n++) add(client, file, LINES + n);
    const state = copyOf(world, `${ROOT}/etc/engine.state`);
    const segments = world.ports.files.list(`${ROOT}/log`);
    steps.return(undefined as never);
    expect(copyOf(world, `${ROOT}/etc/engine.state`)).toEqual(state);
    expect(world.ports.files.list(`${ROOT}/log`)).toEqual(segments);
    world = kill(world, second);
    const third = start();
    for (const [path, count] of [
      [settled, LINES + 50],
      [waiting, LINES],
    ] as const) {
      expect(numbersIn(third.client(), path)).toHaveLength(count);
    }
    third.stop();
  });

  test('because whoever is told of it throws: segments go again', () => {
    const tell = (): void => {
      throw new Error('enough');
    };
    // As many as the lines that are not in the files yet take; the same number of them may begin elsewhere in a segment.
    const most = engine.statistics().log.segments + 1;
    expect(() => engine.rollForward(COPIES, { logs: LOGS }, tell)).toThrow('enough');
    for (let round = 0; round < 3; round++) {
      write(LINES);
      engine.flush();
    }
    write(LINES);
    expect(engine.statistics().log.segments).toBeLessThanOrEqual(most);
  });
});

test.each([0, 1, 2, 3, 4, 5, 6])(
  'the log of a file in use is not written to for a copy that has the same (cut behind step %i)',
  (at) => {
    const beside = '/d/a.bak';
    putBack(world, beside, copyOf(world, COPIES[0] ?? ''));
    const steps = engine.rollForwardSteps([beside]);
    let [count, step] = [0, steps.next()];
    for (; step.done !== true; step = steps.next()) {
      if (++count !== at) continue;
      engine.archiveCut(FILES[0] ?? '');
      write(10);
    }
    expect(step.value.files).toMatchObject([{ outcome: 'rolled-forward', appended: 0 }]);
    write(100);
    engine.flush();
    const log = LOGS[0] ?? '';
    const found = [...readArchive(log, { files: world.ports.files })];
    expect(found.filter(({ changes }) => changes.length > 0)).toHaveLength(lines);
  },
);

test('a cut between finding the segments and reading their heads takes nothing from the list', () => {
  const { files } = world.ports;
  engine.flush();
  let looks = 0;
  const find = (): readonly string[] => {
    const found = findSegments(files, LOGS[0] ?? '');
    if (++looks <= 2) cut();
    return found;
  };
  const listed = [...listArchive(files, find)];
  expect(listed.filter(({ changes }) => changes.length > 0)).toHaveLength(lines);
  expect(looks).toBeGreaterThan(2);
});

test('a cut by another process while a roll-forward reads the segments takes nothing from them', () => {
  engine.flush();
  const own = { ...world.ports, files: cutting(world.ports.files) };
  const other = MicroKernel.start({ root: '/c/root', ports: own });
  const { files } = other.rollForward([COPIES[0] ?? ''], { logs: [LOGS[0] ?? ''] });
  expect(files).toMatchObject([{ outcome: 'rolled-forward' }]);
  expect(numbersIn(other.client(), COPIES[0] ?? '')).toHaveLength(lines);
  other.stop();
});

/** A disk on which the log is cut when it has been found and is opened. */
function cutting(disk: FileSystem): FileSystem {
  let isCut = false;
  return new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: readonly unknown[]) => unknown;
      return (...args: readonly unknown[]): unknown => {
        const isFound = name === 'list' && args[0] === '/d';
        const result = method(...args);
        if (!isFound || isCut) return result;
        isCut = true;
        cut();
        return result;
      };
    },
  });
}

test('a segment is known among those that begin alike', () => {
  const { files } = world.ports;
  const log = LOGS[0] ?? '';
  const head = readArchiveHead(files, log);
  if (typeof head === 'string') throw new Error(head);
  const twin = { ...head, nonce: head.nonce.map((byte) => byte ^ 1) };
  putBack(world, '/c/t.log.0000000000000001', encodeArchiveHead(twin));
  putBack(world, '/c/t.log.0000000000000001.1', encodeArchiveHead(head));
  expect(placeOfSegment(files, '/c/t.log', head)).toBe('/c/t.log.0000000000000001.1');
  expect(placeOfSegment(files, '/c/t.log', twin)).toBe('/c/t.log.0000000000000001');
  files.remove('/c/t.log.0000000000000001.1');
  expect(placeOfSegment(files, '/c/t.log', head)).toBeUndefined();
});
