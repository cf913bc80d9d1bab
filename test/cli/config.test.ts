/** `butil -config` and `butil -events`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel, SETTINGS } from '../../src/index.js';

let directory = '';
let root = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-config-'));
  root = join(directory, 'root');
});

afterEach(() => rmSync(directory, { recursive: true }));

async function run(...words: string[]) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: () => undefined,
  });
  return { code, out: out.join('\n') };
}

async function json(...words: string[]) {
  const { code, out } = await run(...words, '--json');
  return { code, ...(JSON.parse(out) as { status: number; reason: string; result: unknown }) };
}

function stored(): unknown {
  return JSON.parse(readFileSync(join(root, 'etc', 'engine.json'), 'utf8'));
}

describe('-config', () => {
  test('lists every setting, of a root that is not there as well', async () => {
    const { code, out } = await run('-config');
    expect(code).toBe(0);
    for (const name of Object.keys(SETTINGS)) expect(out).toContain(name);
    expect(out).toContain('No engine is running');
    const list = await json('-config', 'list');
    expect(list.result).toMatchObject({
      isRunning: false,
      settings: Object.keys(SETTINGS).map((name) => ({ name, isStored: false })),
    });
  });

  test('sets several, gets one, unsets one; an engine has them then', async () => {
    const set = ['transactiondurability=on', 'logBufferSize=1M', 'systemData=always'];
    const first = await run('-config', 'set', ...set);
    expect(first.code).toBe(0);
    expect(first.out).toContain('transactionDurability: on (was off)');
    expect(stored()).toEqual({
      transactionDurability: true,
      logBufferSize: 1 << 20,
      systemData: 'always',
    });
    expect((await run('-config', 'get', 'LOGBUFFERSIZE')).out).toContain('1048576');
    const engine = MicroKernel.start({ root });
    expect(engine.settings).toMatchObject({ transactionDurability: true, logBufferSize: 1 << 20 });
    const running = await run('-config', 'unset', 'logBufferSize');
    expect(running.out).toContain('An engine is running');
    engine.stop();
    expect(stored()).toEqual({ transactionDurability: true, systemData: 'always' });
    expect((await json('-config', 'get', 'logBufferSize')).result).toMatchObject({
      value: SETTINGS.logBufferSize.usual,
      isStored: false,
      needsRestart: true,
    });
  });

  test('with --dry-run nothing is written', async () => {
    const { code, out } = await run('-config', 'set', 'fileGrowthFactor=20', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('fileGrowthFactor: 20 (now 15)');
    expect((await json('-config', 'get', 'fileGrowthFactor')).result).toMatchObject({ value: 15 });
  });

  test.each([
    [['set', 'operationBundleLimit=0'], 160, 'operationBundleLimit'],
    [['set', 'cacheSize=1'], 160, 'cacheSize'],
    [['set', 'transactionLogging=maybe'], 160, 'true or false'],
    [['get', 'nothing'], 160, 'nothing'],
    [['set', 'transactionLogDirectory=nowhere'], 160, 'no such directory'],
  ])('%j is refused', async (words, status, named) => {
    const { code, out } = await run('-config', ...words);
    expect(code).toBe(2);
    expect(out).toContain(`error = ${status}.`);
    expect(out).toContain(named);
    expect((await run('-config', 'list')).code).toBe(0);
  });

  test.each([
    [['show'], 'none of list'],
    [['set'], 'needs name=value'],
    [['set', 'transactionLogging'], 'needs name=value'],
    [['set', 'fileGrowthFactor=1', 'filegrowthfactor=2'], 'given twice'],
    [['unset'], 'needs the name'],
    [['get'], 'needs the name'],
    [['list', 'more'], 'nothing more'],
  ])('%j is a mistake', async (words, named) => {
    const { code, out } = await run('-config', ...words);
    expect(code).toBe(3);
    expect(out).toContain(named);
  });

  test('a file that makes no sense is named, and mended by unsetting', async () => {
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(join(root, 'etc', 'engine.json'), '{ "cacheSize": 5 }');
    const { code, out } = await run('-config', 'list');
    expect(code).toBe(2);
    expect(out).toContain('cacheSize');
    expect(out).toContain(join(root, 'etc', 'engine.json'));
    expect((await run('-config', 'unset', 'cacheSize')).code).toBe(0);
    expect(stored()).toEqual({});
  });
});

describe('-events', () => {
  test('since a time, and only the bad ones; lines that are none are told', async () => {
    mkdirSync(root, { recursive: true });
    const lines = [
      '2026-01-01T00:00:00.000Z I 1 engine-started root=/r The engine of /r was started.',
      'garbage',
      '2026-01-02T00:00:00.000Z W 1 file-unclean file="/a b.dat" "k=v is no field"',
      '2026-01-03T00:00:00.000Z E 1 file-failed file=/c.dat It failed.',
    ];
    writeFileSync(join(root, 'event.log'), `${lines.join('\n')}\n`);
    const first = '2025-12-31T00:00:00.000Z I 9 engine-stopped root=/r Stopped.';
    writeFileSync(join(root, 'event.log.1'), `${first}\n`);
    const all = await json('-events');
    expect(all.result).toMatchObject({
      unreadable: 1,
      events: [
        { id: 'engine-stopped', pid: 9 },
        { id: 'engine-started', fields: { root: '/r' }, text: 'The engine of /r was started.' },
        { id: 'file-unclean', fields: { file: '/a b.dat' }, text: 'k=v is no field' },
        { id: 'file-failed', severity: 'E', time: '2026-01-03T00:00:00.000Z' },
      ],
    });
    const shown = await run('-events', '--since', '2026-01-02T00:00:00Z', '--severity', 'E');
    expect(shown.out).toContain(lines[3]);
    expect(shown.out).not.toContain('file-unclean');
    expect(shown.out).toContain('1 line of the event log could not be read.');
    const since = await json('-events', '--since', '2026-01-02T00:00:00Z');
    expect(since.result).toMatchObject({ events: [{ id: 'file-unclean' }, { id: 'file-failed' }] });
    expect((await run('-events', '--since', 'yesterday')).code).toBe(3);
    const ids = async (...words: string[]): Promise<string[]> => {
      const { result } = await json('-events', ...words);
      return (result as { events: { id: string }[] }).events.map(({ id }) => id);
    };
    expect(await ids('--limit', '1')).toEqual(['file-failed']);
    expect(await ids('--until', '2026-01-02T00:00:00Z', '--limit', '2')).toEqual([
      'engine-started',
      'file-unclean',
    ]);
    expect(await ids('--id', 'file-failed', '--id', 'engine-stopped')).toEqual([
      'engine-stopped',
      'file-failed',
    ]);
    expect(await ids('--file', '/a b.dat')).toEqual(['file-unclean']);
    expect((await run('-events', '--limit', '1', '--last', '1')).code).toBe(3);
    expect((await run('-events', '--limit', '0')).code).toBe(3);
    expect((await run('-events', '--until', 'yesterday')).code).toBe(3);
  });

  test('those of an engine', async () => {
    MicroKernel.start({ root }).stop();
    const { out } = await run('-events', '--last', '2');
    expect(out).toContain(' engine-started ');
    expect(out).toContain(' engine-stopped ');
  });
});
