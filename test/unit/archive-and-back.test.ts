/**
 * A file, its archival log as the engine writes it, a copy, and the way back: everything on the real disk, in the
 * way the documents tell people to do it.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  autoincrement,
  checkFile,
  defineRecord,
  key,
  MicroKernel,
  readArchive,
  readRootEvents,
  Status,
  zstring,
  type FileOf,
  type RollForwardOptions,
  type Settings,
} from '../../src/index.js';

const Row = defineRecord(
  { id: autoincrement(4), name: zstring(20) },
  { keys: { byId: key('id'), byName: key('name', { duplicates: true, modifiable: true }) } },
);

let base = '';
let root = '';
let data = '';
let engine: MicroKernel | undefined;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-back-'));
  root = join(base, 'root');
  data = join(base, 'a.btr');
  mkdirSync(join(root, 'blog'), { recursive: true });
  writeFileSync(join(root, 'blog', 'blog.cfg'), `${data}\n`);
});

afterEach(() => {
  engine?.stop();
  engine = undefined;
  rmSync(base, { recursive: true, force: true });
});

function start(settings: Partial<Settings> = {}): MicroKernel {
  engine = MicroKernel.start({
    root,
    settings: { archivalLoggingSelectedFiles: true, requester: false, ...settings },
  });
  return engine;
}

function stop(): void {
  engine?.stop();
  engine = undefined;
}

function opened(): FileOf<typeof Row> {
  const client = start().client();
  if (!existsSync(data)) client.createFile(data, Row);
  return client.openFile(data, Row);
}

function names(): string[] {
  const file = opened();
  const found = [...file.scan('byId')].map(({ name }) => name);
  stop();
  return found;
}

function roll(options: RollForwardOptions = {}) {
  const result = start().rollForward([data], options);
  stop();
  return result.files[0];
}

/** Three records, a copy, and three more. */
function history(): string {
  let file = opened();
  for (const name of ['a', 'b', 'c']) file.insert({ name });
  stop();
  const copy = join(base, 'copy');
  copyFileSync(data, copy);
  file = opened();
  for (const name of ['d', 'e']) file.insert({ name });
  engine?.archiveMark(data, 'before f');
  file.insert({ name: 'f' });
  file.update('byName', 'a', { name: 'A' });
  stop();
  return copy;
}

describe('back from a copy', () => {
  it('to the end, and on from there', () => {
    const copy = history();
    copyFileSync(copy, data);
    expect(() => opened()).toThrow(expect.objectContaining({ status: Status.ROLL_FORWARD_ERROR }));
    stop();
    expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 4 });
    expect(names()).toEqual(['A', 'b', 'c', 'd', 'e', 'f']);
    expect(roll()).toMatchObject({ transactions: 0 });
    const file = opened();
    file.insert({ name: 'g' });
    stop();
    copyFileSync(copy, data);
    expect(roll()).toMatchObject({ transactions: 5 });
    expect(names()).toEqual(['A', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(checkFile(data).findingCount).toBe(0);
  });

  it('to a named point, under a timeline of its own; and from there to its end again', () => {
    const copy = history();
    copyFileSync(copy, data);
    expect(roll({ until: 'name:before f' })).toMatchObject({
      outcome: 'rolled-forward',
      transactions: 2,
    });
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const file = opened();
    file.insert({ name: 'x' });
    stop();
    copyFileSync(copy, data);
    const refused = roll();
    expect(refused).toMatchObject({ outcome: 'refused', reason: 'several-timelines' });
    const latest = Number(/(\d+) \([^()]*\) \(status/u.exec(refused?.message ?? '')?.[1]);
    expect(roll({ timeline: latest })).toMatchObject({ outcome: 'rolled-forward' });
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e', 'x']);
  });

  it('several files that went on together, each under a timeline of its own', () => {
    const paths = [data, join(base, 'b.btr')];
    writeFileSync(join(root, 'blog', 'blog.cfg'), `${paths.join('\n')}\n`);
    const write = (...rows: string[]): void => {
      const client = start().client();
      for (const path of paths) if (!existsSync(path)) client.createFile(path, Row);
      const files = paths.map((path) => client.openFile(path, Row));
      for (const name of rows) {
        client.transaction(() => files.map((file) => file.insert({ name })));
      }
      stop();
    };
    const rollAll = (options: RollForwardOptions) => {
      for (const path of paths) copyFileSync(`${path}.copy`, path);
      const { files } = start().rollForward(paths, options);
      stop();
      return files;
    };
    write('a');
    for (const path of paths) copyFileSync(path, `${path}.copy`);
    write('b', 'c');
    const second = [...readArchive(join(base, 'b.log'))].filter(({ lsn }) => lsn !== undefined)[1];
    rollAll({ until: `lsn:${second?.lsn}` });
    write('x', 'y');
    const refused = rollAll({});
    expect(refused).toMatchObject([
      { reason: 'several-timelines' },
      { reason: 'several-timelines' },
    ]);
    const timeline = refused.map((file) =>
      Number(/, (\d+) \(to change/u.exec(file.message ?? '')?.[1]),
    );
    expect(rollAll({ timeline })).toMatchObject([
      { outcome: 'rolled-forward', transactions: 3, participants: [] },
      { outcome: 'rolled-forward', transactions: 3 },
    ]);
    expect(names()).toEqual(['a', 'b', 'x', 'y']);
    expect(rollAll({ timeline: [7] })).toMatchObject([
      { reason: 'no-such-timeline' },
      { reason: 'no-such-timeline' },
    ]);
  });

  it('one of several that another engine has open: none is touched', () => {
    const paths = [data, join(base, 'b.btr')];
    writeFileSync(join(root, 'blog', 'blog.cfg'), `${paths.join('\n')}\n`);
    const client = start().client();
    for (const path of paths) client.createFile(path, Row);
    stop();
    for (const path of paths) copyFileSync(path, `${path}.copy`);
    const again = start().client();
    for (const path of paths) again.openFile(path, Row).insert({ name: 'a' });
    stop();
    for (const path of paths) copyFileSync(`${path}.copy`, path);
    const other = MicroKernel.start({ root: join(base, 'other'), settings: { requester: false } });
    other.client().openFile(join(base, 'b.btr'), Row);
    const rolled = start().rollForward(paths).files;
    stop();
    expect(rolled).toMatchObject([
      { outcome: 'not-tried' },
      { outcome: 'refused', status: 112, reason: 'in-use' },
    ]);
    other.stop();
    expect(start().rollForward(paths).files).toMatchObject([
      { outcome: 'rolled-forward', transactions: 1 },
      { outcome: 'rolled-forward', transactions: 1 },
    ]);
  });

  it('with a log that blog.cfg has somewhere else', () => {
    const log = join(base, 'elsewhere.arc');
    writeFileSync(join(root, 'blog', 'blog.cfg'), `${data}=${log}\n`);
    const copy = history();
    expect(existsSync(log)).toBe(true);
    copyFileSync(copy, data);
    expect(roll()).toMatchObject({ transactions: 4 });
    expect(names()).toHaveLength(6);
  });

  it('a file that blog.cfg does not name is 111', () => {
    const copy = history();
    const other = join(base, 'b.btr');
    copyFileSync(copy, other);
    const [file] = start().rollForward([other]).files;
    stop();
    expect(file).toMatchObject({ outcome: 'refused', status: Status.ARCH_FILE_NOT_LOGGED });
  });

  it('accepted as it is, it is archived anew', () => {
    const copy = history();
    copyFileSync(copy, data);
    start().acceptAsItIs(data);
    stop();
    const file = opened();
    file.insert({ name: 'new' });
    stop();
    expect(names()).toEqual(['a', 'b', 'c', 'new']);
    expect(readFileSync(join(root, 'event.log'), 'utf8')).toContain('archive-accepted');
  });
});

describe('a hot copy of an archived file in use', () => {
  it('is rolled forward to what its writer has done since', () => {
    const file = opened();
    for (const name of ['a', 'b', 'c']) file.insert({ name });
    const backup = join(base, 'backup');
    mkdirSync(backup);
    const steps = engine?.hotCopying([data], backup);
    let count = 0;
    for (let step = steps?.next(); step?.done === false; step = steps?.next()) {
      file.insert({ name: `meanwhile ${count++}` });
    }
    file.insert({ name: 'afterwards' });
    stop();
    expect(checkFile(join(backup, 'a.btr')).findingCount).toBe(0);
    copyFileSync(join(backup, 'a.btr'), data);
    expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: count + 1 });
    expect(names()).toHaveLength(3 + count + 1);
    expect(checkFile(data).findingCount).toBe(0);
  });

  it('continuous operation of one is refused, and allowed by its setting', () => {
    opened();
    expect(() => engine?.startContinuous([data])).toThrow(
      expect.objectContaining({ status: Status.FILE_INUSE, reason: 'archived' }),
    );
    stop();
    const client = start({ continuousOperationsWithArchivalLogging: true }).client();
    const file = client.openFile(data, Row);
    engine?.startContinuous([data]);
    const copy = join(base, 'frozen');
    file.insert({ name: 'x' });
    file.flush();
    copyFileSync(data, copy);
    engine?.endContinuous([data]);
    file.insert({ name: 'y' });
    stop();
    copyFileSync(copy, data);
    expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
    expect(names()).toEqual(['x', 'y']);
  });

  it('whoever copies a file that nobody has open breaks no chain, whoever opens it so that it is not logged does', () => {
    history();
    mkdirSync(join(base, 'copies'));
    start({ continuousOperationsWithArchivalLogging: true }).hotCopy([data], join(base, 'copies'));
    stop();
    const client = start({ continuousOperationsWithArchivalLogging: true }).client();
    const file = client.openFile(data, Row);
    engine?.startContinuous([data]);
    file.close();
    expect(readRootEvents({ root }).events.map(({ id }) => id)).not.toContain(
      'archive-accelerated',
    );
    const fast = client.openFile(data, Row, { mode: 'accelerated' });
    fast.insert({ name: 'fast' });
    fast.close();
    engine?.endContinuous([data]);
    stop();
    expect(readRootEvents({ root }).events.map(({ id }) => id)).toContain('archive-accelerated');
    copyFileSync(join(base, 'copies', 'a.btr'), data);
    expect(roll()).toMatchObject({ outcome: 'refused', reason: 'gap' });
  });

  it('a backup in the place of a file that is in it is not rolled forward, nor are others; it says why', () => {
    const copy = history();
    start({ continuousOperationsWithArchivalLogging: true }).startContinuous([data]);
    stop();
    copyFileSync(copy, data);
    const refused = roll();
    expect(refused).toMatchObject({ outcome: 'refused', status: 112, reason: 'in-use' });
    expect(refused?.message).toContain('butil -endbu <file> --discard --yes');
    start().endContinuous([data], { discard: true });
    stop();
    expect(roll()).toMatchObject({ outcome: 'rolled-forward' });
    expect(names()).toEqual(['A', 'b', 'c', 'd', 'e', 'f']);
  });

  it('both outlive the engine', () => {
    const client = start({ continuousOperationsWithArchivalLogging: true }).client();
    client.createFile(data, Row);
    const file = client.openFile(data, Row);
    engine?.startContinuous([data]);
    file.insert({ name: 'x' });
    file.flush();
    stop();
    expect(names()).toEqual(['x']);
    start().endContinuous('all');
    stop();
    expect(names()).toEqual(['x']);
  });
});
