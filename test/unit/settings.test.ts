/** Settings: reading and writing `etc/engine.json`, which settings win, changing them while an engine runs. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  BtrieveError,
  changeRootSettings,
  isEngineRunning,
  type MicroKernel,
  parseSetting,
  readRootSettings,
  SETTINGS,
  type Settings,
} from '../../src/index.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { completeSettings, readSettings, settingNamed, writeSettings } from '../../src/settings.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import {
  add,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  ROOT,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const FILE = '/d/engine.json';
const NAMES = Object.keys(SETTINGS) as (keyof Settings)[];

function refusal(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function textFile(files: FileSystem, path: string, text: string): void {
  if (files.exists(path)) files.remove(path);
  const bytes = new TextEncoder().encode(text);
  const handle = files.open(path, 'create');
  handle.write(bytes, 0, bytes.length, 0);
  handle.sync();
  handle.close();
}

function textOf(files: FileSystem, path: string): string {
  const handle = files.open(path, 'read');
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  return new TextDecoder().decode(bytes);
}

const engines: MicroKernel[] = [];

function start(world: LogWorld, settings: Partial<Settings> = {}, where = {}): MicroKernel {
  const engine = startEngine(world, settings, where);
  engines.push(engine);
  return engine;
}

afterEach(() => {
  for (const engine of engines.splice(0)) engine.stopQuietly();
});

describe('values', () => {
  test.each(NAMES)('the default of %s can be given', (name) => {
    expect(completeSettings({ [name]: SETTINGS[name].usual })[name]).toBe(SETTINGS[name].usual);
  });

  test.each(NAMES.filter((name) => SETTINGS[name].kind === 'number'))(
    'the limits of %s, and what is beyond them',
    (name) => {
      const { least, most } = SETTINGS[name];
      for (const value of [least, most]) {
        expect(completeSettings({ [name]: value })[name]).toBe(value);
        expect(parseSetting(name, String(value))).toBe(value);
      }
      for (const value of [least - 1, most + 1, 1.5, NaN, '7', true, null]) {
        const error = refusal(() => completeSettings({ [name]: value as number }));
        expect(error).toMatchObject({
          status: 160,
          reason: 'setting',
          expected: SETTINGS[name].steps?.join(', ') ?? `${least} to ${most}`,
        });
        expect(error.message).toContain(name);
      }
    },
  );

  test('as text', () => {
    expect(parseSetting('logBufferSize', '4M')).toBe(4 << 20);
    expect(parseSetting('logBufferSize', '512kb')).toBe(512 << 10);
    expect(parseSetting('cacheAllocationSize', '1G')).toBe(1 << 30);
    expect(parseSetting('transactionDurability', 'ON')).toBe(true);
    expect(parseSetting('transactionLogging', 'no')).toBe(false);
    expect(parseSetting('systemData', 'always')).toBe('always');
    expect(parseSetting('transactionLogDirectory', '')).toBe('');
    expect(settingNamed('TRANSACTIONLOGGING')).toBe('transactionLogging');
  });

  test.each([
    ['initiationTimeLimitMs', '1K'],
    ['initiationTimeLimitMs', '0'],
    ['initiationTimeLimitMs', ''],
    ['operationBundleLimit', '-1'],
    ['operationBundleLimit', '1e3'],
    ['transactionLogging', 'maybe'],
    ['systemData', 'never'],
    ['transactionLogDirectory', 'a\0b'],
  ] as const)('%s cannot be %j', (name, text) => {
    expect(refusal(() => parseSetting(name, text))).toMatchObject({
      status: 160,
      reason: 'setting',
    });
  });
});

describe('the file', () => {
  test('is written and read; what is not set is not in it', () => {
    const { ports } = newLogWorld();
    const { files } = ports;
    expect(readSettings(files, FILE)).toEqual({});
    writeSettings(files, FILE, { set: { transactionDurability: true, logBufferSize: 1 << 20 } });
    expect(readSettings(files, FILE)).toEqual({
      transactionDurability: true,
      logBufferSize: 1 << 20,
    });
    writeSettings(files, FILE, { set: { systemData: 'none' }, unset: ['logBufferSize'] });
    expect(readSettings(files, FILE)).toEqual({ transactionDurability: true, systemData: 'none' });
    expect(writeSettings(files, FILE, { unset: ['systemData'] }, true)).toEqual({
      transactionDurability: true,
    });
    expect(readSettings(files, FILE)).toMatchObject({ systemData: 'none' });
  });

  test.each([
    ['{"transactionLoging": true}', 'transactionLoging'],
    ['{"operationBundleLimit": 0}', 'operationBundleLimit'],
    ['{"operationBundleLimit": "many"}', 'operationBundleLimit'],
    ['[1]', 'no object'],
    ['{"a', 'no JSON'],
    ['', 'no JSON'],
  ])('%s is refused, named, and kept', (text, named) => {
    const { ports } = newLogWorld();
    textFile(ports.files, FILE, text);
    const works = [
      () => readSettings(ports.files, FILE),
      () => writeSettings(ports.files, FILE, { set: { transactionLogging: true } }),
    ];
    for (const work of works) {
      const error = refusal(work);
      expect(error).toMatchObject({ status: 160, file: FILE });
      expect(error.message).toContain(named);
    }
    expect(textOf(ports.files, FILE)).toBe(text);
  });

  test('a wrong name or value in it is mended by unsetting or setting it', () => {
    const { ports } = newLogWorld();
    textFile(ports.files, FILE, '{"wrong": 1, "operationBundleLimit": 0}');
    const change = { unset: ['wrong'], set: { operationBundleLimit: 5 } };
    expect(writeSettings(ports.files, FILE, change)).toEqual({ operationBundleLimit: 5 });
    expect(readSettings(ports.files, FILE)).toEqual({ operationBundleLimit: 5 });
  });

  test('a crash at any moment leaves the old one or the new one', () => {
    const world = newLogWorld();
    const before = { operationBundleLimit: 7 };
    const after = { operationBundleLimit: 9 };
    writeSettings(world.ports.files, FILE, { set: before });
    const seen = new Set<string>();
    for (let nth = 1; ; nth++) {
      const disk = world.disk.crashPoint().imageWith(() => true);
      const fault = { at: nth, code: 'EIO', lasting: true } as const;
      const faulty = new FaultyFileSystem(disk, { fault });
      let isDone = true;
      try {
        writeSettings(faulty, FILE, { set: after });
      } catch {
        isDone = false;
      }
      for (const survives of [true, false]) {
        const image = disk.crashPoint().imageWith(() => survives);
        const found = readSettings(image, FILE);
        expect([before, after]).toContainEqual(found);
        if (isDone) expect(found).toEqual(after);
        seen.add(JSON.stringify(found));
        // And the next attempt succeeds, whatever is left lying there.
        expect(writeSettings(image, FILE, { set: after })).toEqual(after);
      }
      if (isDone) break;
    }
    expect(seen.size).toBe(2);
  });
});

describe('an engine', () => {
  test('goes by its options, then by the file, then by the defaults', () => {
    const world = newLogWorld();
    const options = { root: ROOT, files: world.ports.files };
    changeRootSettings(options, { set: { operationBundleLimit: 50, fileGrowthFactor: 3 } });
    const engine = start(world, { operationBundleLimit: 60 });
    expect(engine.settings).toMatchObject({
      operationBundleLimit: 60,
      fileGrowthFactor: 3,
      initiationTimeLimitMs: SETTINGS.initiationTimeLimitMs.usual,
    });
  });

  test('does not start with a file that makes no sense, and says which and where', () => {
    const world = newLogWorld();
    start(world).stop();
    textFile(world.ports.files, `${ROOT}/etc/engine.json`, '{"cacheSize": 1}');
    const error = refusal(() => start(world));
    expect(error).toMatchObject({ status: 160, file: `${ROOT}/etc/engine.json` });
    expect(error.message).toContain('cacheSize');
    expect(world.events.at(-1)?.id).toBe('engine-start-failed');
  });

  test('is seen to run, and a change says what it needs', () => {
    const world = newLogWorld();
    const options = { root: ROOT, files: world.ports.files };
    expect(isEngineRunning(options)).toBe(false);
    const engine = start(world);
    expect(isEngineRunning(options)).toBe(true);
    const result = changeRootSettings(options, { set: { systemData: 'none' } });
    expect(result).toMatchObject({
      isRunning: true,
      changed: [{ name: 'systemData', from: 'if-needed', to: 'none' }],
    });
    engine.stop();
    expect(readRootSettings(options)).toMatchObject({
      isRunning: false,
      stored: { systemData: 'none' },
      settings: { systemData: 'none', transactionLogging: true },
    });
  });

  test('is configured while it runs; open files go by the new limits', () => {
    const world = newLogWorld();
    const engine = start(world);
    const client = engine.client();
    const file = makeFile(client, '/d/a.dat');
    add(client, file, 1, 5);
    expect(engine.statistics().files[0]?.unflushedOperations).toBe(1);
    engine.configure({ operationBundleLimit: 2 });
    expect(engine.settings.operationBundleLimit).toBe(2);
    expect(world.events.at(-1)).toMatchObject({
      id: 'engine-setting',
      fields: { setting: 'operationBundleLimit', from: '65535', to: '2' },
    });
    for (let n = 10; n < 20; n++) add(client, file, n);
    expect(engine.statistics().files[0]?.unflushedOperations).toBeLessThanOrEqual(4);
    const other = makeFile(client, '/d/b.dat');
    for (let n = 10; n < 20; n++) add(client, other, n);
    expect(engine.statistics().files[1]?.unflushedOperations).toBeLessThanOrEqual(4);
  });

  test('is configured by nothing that needs a restart, in a transaction or out of range', () => {
    const world = newLogWorld();
    const engine = start(world);
    const client = engine.client();
    const change = { cacheAllocationSize: 1 << 30 };
    const restart = refusal(() => engine.configure(change as Partial<Settings>));
    expect(restart).toMatchObject({ status: 160, reason: 'setting' });
    expect(restart.message).toContain('cacheAllocationSize');
    expect(refusal(() => engine.configure({ operationBundleLimit: 0 })).status).toBe(160);
    const file = makeFile(client, '/d/a.dat');
    client.beginTransaction();
    file.insert({ n: 1, text: '' });
    expect(refusal(() => engine.configure({ transactionLogging: false })).status).toBe(37);
    engine.configure({ initiationTimeLimitMs: 50 });
    client.endTransaction();
    expect(engine.settings).toMatchObject({ transactionLogging: true, initiationTimeLimitMs: 50 });
  });

  test('gives new files pages of the size that its setting says', () => {
    const world = newLogWorld();
    const client = start(world, { pageSizeDefault: 8192 }).client();
    const sizeOf = (path: string): number => {
      const { files } = client.internals;
      const file = files.open(path, { isExclusive: false, readOnly: true, owner: '' });
      const { pageSize } = file.definition;
      files.close(file);
      return pageSize;
    };
    client.createFile('/d/a.dat', Line);
    client.createFile('/d/b.dat', Line, { pageSize: 1024 });
    expect(['/d/a.dat', '/d/b.dat'].map(sizeOf)).toEqual([8192, 1024]);
    const wrong = refusal(() => completeSettings({ pageSizeDefault: 5000 }));
    expect(wrong.message).toMatch(/pageSizeDefault: there is no such choice.*expected 512, 1024/);
  });

  test('gives new files system data as its setting says', () => {
    for (const [systemData, expected] of [
      ['none', false],
      ['always', true],
    ] as const) {
      const world = newLogWorld();
      const client = start(world, { systemData }).client();
      client.createFile('/d/a.dat', Line);
      const { files } = client.internals;
      const file = files.open('/d/a.dat', { isExclusive: false, readOnly: true, owner: '' });
      expect(file.definition.hasSystemData).toBe(expected);
      files.close(file);
    }
  });
});

describe('the directory of the log', () => {
  const OTHER = '/d/logs';

  function crashedWithLog(): LogWorld {
    const world = newLogWorld();
    const engine = startEngine(world);
    const client = engine.client();
    add(client, makeFile(client, '/d/a.dat'), 1, 3);
    return kill(world, engine);
  }

  test('must be there', () => {
    const world = newLogWorld();
    const error = refusal(() => start(world, { transactionLogDirectory: OTHER }));
    expect(error).toMatchObject({ status: 160, reason: 'log-directory', file: OTHER });
    expect(error.message).toContain('transactionLogDirectory');
    const options = { root: ROOT, files: world.ports.files };
    const change = { set: { transactionLogDirectory: OTHER } };
    expect(refusal(() => changeRootSettings(options, change))).toMatchObject({ file: OTHER });
    expect(readRootSettings(options).stored).toEqual({});
  });

  test('is not changed while the log is needed, until the segments were moved', () => {
    const world = crashedWithLog();
    world.disk.makeDirectory(OTHER);
    const options = { root: ROOT, files: world.ports.files };
    const change = { set: { transactionLogDirectory: OTHER } };
    expect(changeRootSettings(options, change).notes.join()).toContain('still needed');
    const error = refusal(() => start(world));
    expect(error).toMatchObject({
      status: 160,
      reason: 'log-directory',
      expected: `${ROOT}/log`,
      found: OTHER,
    });
    expect(error.message).toContain('00000001.LOG');
    for (const name of world.disk.list(`${ROOT}/log`)) {
      if (name.endsWith('.LOG')) world.disk.rename(`${ROOT}/log/${name}`, `${OTHER}/${name}`);
    }
    const engine = start(world);
    expect(numbersIn(engine.client(), '/d/a.dat')).toEqual([1, 2, 3]);
    engine.stop();
    expect(world.disk.list(OTHER).some((name) => name.startsWith('spare-'))).toBe(true);
  });

  test('is changed after a clean stop, and moves with its root if it is below it', () => {
    const world = newLogWorld();
    world.disk.makeDirectory(OTHER);
    const engine = start(world);
    const client = engine.client();
    add(client, makeFile(client, '/d/a.dat'), 1);
    engine.stop();
    const second = start(world, { transactionLogDirectory: OTHER });
    const writer = second.client();
    add(writer, writer.openFile('/d/a.dat', Line), 2);
    second.stop();
    const state = JSON.parse(textOf(world.disk, `${ROOT}/etc/engine.state`)) as object;
    expect(state).toMatchObject({ directory: OTHER, isClean: true });
    const third = start(world);
    const last = third.client();
    add(last, last.openFile('/d/a.dat', Line), 3);
    expect(JSON.parse(textOf(world.disk, `${ROOT}/etc/engine.state`))).toMatchObject({
      directory: 'log',
    });
  });

  test('is of one engine at a time', () => {
    const world = newLogWorld();
    world.disk.makeDirectory(OTHER);
    const settings = { transactionLogDirectory: OTHER };
    const first = start(world, settings);
    const second = start(world, settings, { root: '/d/second', seed: 2 });
    const [one, two] = [first.client(), second.client()];
    add(one, makeFile(one, '/d/a.dat'), 1);
    const file = makeFile(two, '/d/b.dat');
    const error = refusal(() => add(two, file, 1));
    expect(error).toMatchObject({ status: 85, reason: 'log-held', file: OTHER });
    const later = kill(world, first, second);
    const third = start(later, settings, { root: '/d/second', seed: 2 });
    const again = third.client();
    const shared = refusal(() => add(again, again.openFile('/d/b.dat', Line), 1));
    expect(shared).toMatchObject({ status: 85, reason: 'log-shared', file: OTHER });
    third.stop();
    const fourth = start(later, settings);
    expect(numbersIn(fourth.client(), '/d/a.dat')).toEqual([1]);
    fourth.stop();
  });
});
