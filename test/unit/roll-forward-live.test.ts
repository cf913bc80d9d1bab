/**
 * Roll-forward in steps, and reading of archival logs, while the engine goes on with its work between two of them: a
 * log is cut for a backup, and segments of the transaction log become free.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  MicroKernel,
  readArchive,
  type Client,
  type FileOf,
  type RolledFile,
} from '../../src/index.js';
import {
  copyOf,
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
