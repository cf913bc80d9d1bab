/** Files in continuous operation that are called by links: on the real disk, with engines of two roots. */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkFile, engineOfFile, MicroKernel } from '../../src/index.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { Caller } from '../support/caller.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

let directory = '';
let file = '';
const engines: MicroKernel[] = [];

const at = (name: string): string => join(directory, name);

function start(root: string): MicroKernel {
  const engine = MicroKernel.start({ root: at(root), settings: { requester: false } });
  engines.push(engine);
  return engine;
}

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'isamite-links-')));
  mkdirSync(at('d'));
  mkdirSync(at('links'));
  file = at('d/a.dat');
  symlinkSync(at('d'), at('same'));
  symlinkSync(file, at('links/b.dat'));
});

afterEach(() => {
  for (const engine of engines.splice(0)) engine.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A file that was put in by a name, has changed since, and is closed. */
function putIn(name: string): MicroKernel {
  const engine = start('root');
  const client = engine.client();
  const made = makeFile(client, file);
  add(client, made, 1, 10);
  engine.startContinuous([at(name)]);
  add(client, made, 11, 20);
  made.close();
  return engine;
}

test('the delta lies beside the file, not beside the link by which it was put in', () => {
  const engine = putIn('links/b.dat');
  expect(existsSync(at('d/a.^^^'))).toBe(true);
  expect(existsSync(at('links/b.^^^'))).toBe(false);
  expect(engine.continuous()).toMatchObject([{ file, state: 'active' }]);
  expect(checkFile(at('links/b.dat'))).toMatchObject({ findingCount: 0, content: { records: 20 } });
  expect(engineOfFile(at('links/b.dat'))).toBe(at('root'));
  engine.endContinuous([at('links/b.dat')]);
  expect(numbersIn(engine.client(), file)).toHaveLength(20);
});

test.each([
  ['links/b.dat', 'd/a.dat'],
  ['d/a.dat', 'links/b.dat'],
  ['d/a.dat', 'same/a.dat'],
  ['same/a.dat', 'd/a.dat'],
])('put in as %s, an engine of another root does not get it as %s', (name, other) => {
  const engine = putIn(name);
  const frozen = readFileSync(file);
  const client = start('other').client();
  expect(() => numbersIn(client, at(other))).toThrow(
    expect.objectContaining({ status: 85, reason: 'continuous' }) as Error,
  );
  expect(readFileSync(file).equals(frozen)).toBe(true);
  engine.endContinuous('all');
  expect(numbersIn(client, at(other))).toHaveLength(20);
});

test('by a second hard link it is the same file: the own engine has it, that of another root is refused', () => {
  mkdirSync(at('e'));
  const engine = putIn('d/a.dat');
  linkSync(file, at('e/x.dat'));
  const frozen = readFileSync(file);
  const refusal = expect.objectContaining({ status: 85, reason: 'continuous' }) as Error;
  expect(engineOfFile(at('e/x.dat'))).toBe(at('root'));
  expect(checkFile(at('e/x.dat'))).toMatchObject({
    delta: at('d/a.^^^'),
    content: { records: 20 },
  });
  const client = start('other').client();
  expect(() => client.openFile(at('e/x.dat'), Line)).toThrow(refusal);
  expect(() => client.openFile(at('e/x.dat'), Line, { mode: 'read-only' })).toThrow(refusal);
  expect(() => engines.at(-1)?.startContinuous([at('e/x.dat')])).toThrow(refusal);
  expect(() => engine.startContinuous([at('e/x.dat')])).toThrow(
    expect.objectContaining({ status: 88 }) as Error,
  );
  expect(numbersIn(engine.client(), at('e/x.dat'))).toHaveLength(20);
  expect(readFileSync(file).equals(frozen)).toBe(true);
  engine.endContinuous([at('e/x.dat')]);
  expect(numbersIn(client, at('e/x.dat'))).toHaveLength(20);
});

test('a copy of a frozen file says what its original says, and is a file of its own', () => {
  mkdirSync(at('e'));
  putIn('d/a.dat');
  copyFileSync(file, at('e/a.dat'));
  expect(engineOfFile(at('e/a.dat'))).toBeUndefined();
  const client = start('other').client();
  expect(numbersIn(client, at('e/a.dat'))).toHaveLength(10);
  add(client, client.openFile(at('e/a.dat'), Line), 50, 60);
  expect(engineOfFile(at('e/a.dat'))).toBe(at('other'));
});

test('a file that was moved is not opened without its delta, and goes on at its place', () => {
  const engine = putIn('d/a.dat');
  renameSync(file, at('d/b.dat'));
  for (const client of [engine.client(), start('other').client()]) {
    expect(() => client.openFile(at('d/b.dat'), Line)).toThrow(
      expect.objectContaining({ status: 85, reason: 'moved' }) as Error,
    );
  }
  renameSync(at('d/b.dat'), file);
  expect(numbersIn(engine.client(), file)).toHaveLength(20);
  renameSync(file, at('d/b.dat'));
  engine.endContinuous([file], { discard: true });
  expect(numbersIn(engine.client(), at('d/b.dat'))).toHaveLength(10);
});

const DELETE = -128;
const RENAME = -127;

test.each(['d/a.dat', 'links/b.dat', 'links/x.dat'])(
  'as %s it is not removed, renamed, created over or copied over by the engine of another root',
  (name) => {
    const engine = putIn('d/a.dat');
    linkSync(file, at('links/x.dat'));
    const frozen = readFileSync(file);
    const other = start('other');
    const client = other.client();
    const source = at(`d/from/${basename(name)}`);
    mkdirSync(dirname(source));
    makeFile(client, source).close();
    const caller = new Caller(client);
    expect(caller.call(Op.CREATE, { key: Buffer.from(at(name)), keyNumber: DELETE }).status).toBe(
      85,
    );
    const to = [...Buffer.from(`${at('d/new.dat')}\0`)];
    const renaming = { key: Buffer.from(at(name)), keyNumber: RENAME, data: to };
    expect(caller.call(Op.CREATE, renaming).status).toBe(85);
    const refusal = expect.objectContaining({ status: 85, reason: 'continuous' }) as Error;
    expect(() => client.createFile(at(name), Line, { replace: true })).toThrow(refusal);
    expect(() => other.hotCopy([source], dirname(at(name)), { replace: true })).toThrow(refusal);
    expect(readFileSync(at(name)).equals(frozen)).toBe(true);
    engine.endContinuous('all');
    expect(numbersIn(engine.client(), file)).toHaveLength(20);
    engine.stop();
    client.createFile(at(name), Line, { replace: true });
  },
);

test('two names of one file in a call are one file twice', () => {
  const engine = start('root');
  makeFile(engine.client(), file).close();
  expect(() => engine.startContinuous([file, at('links/b.dat')])).toThrow(
    expect.objectContaining({ status: 85, reason: 'same-name' }) as Error,
  );
  expect(engine.continuous()).toEqual([]);
});

test('the backup agent puts in a file that was opened by a link, and goes on with the others', () => {
  const engine = start('root');
  const client = engine.client();
  makeFile(client, file).close();
  makeFile(client, at('d/c.dat')).close();
  const files = [at('links/b.dat'), at('missing.dat'), at('d/c.dat')];
  const report = engine.startBackupAgent({ files });
  expect(report.files).toEqual([file, at('d/c.dat')]);
  expect(report.leftOut).toMatchObject([{ file: at('missing.dat'), status: 12 }]);
  engine.stopBackupAgent();
  expect(engine.continuous()).toEqual([]);
});

test('a hot copy takes the place of no file that is in use, by whatever name', () => {
  const engine = start('root');
  const client = engine.client();
  const made = makeFile(client, file);
  add(client, made, 1, 10);
  mkdirSync(at('e'));
  const other = makeFile(client, at('e/a.dat'));
  const copy = (to: string) => () => engine.hotCopy([file], at(to), { replace: true });
  const refusal = (details: object): Error => expect.objectContaining(details) as Error;
  expect(copy('same')).toThrow(refusal({ status: 160, reason: 'same-name' }));
  expect(copy('e')).toThrow(refusal({ status: 85 }));
  other.close();
  engine.startContinuous([at('e/a.dat')]);
  expect(copy('e')).toThrow(refusal({ status: 85, reason: 'continuous' }));
  engine.endContinuous('all');
  const stranger = start('stranger');
  const theirs = stranger.client().openFile(at('e/a.dat'), Line);
  expect(copy('e')).toThrow(refusal({ status: 85 }));
  theirs.close();
  const steps = engine.hotCopying([file], at('e'), { replace: true });
  steps.next();
  const late = client.openFile(at('e/a.dat'), Line);
  expect(() => [...steps]).toThrow(refusal({ status: 85 }));
  late.close();
  expect(engine.continuous()).toEqual([]);
  add(client, made, 11);
  expect(copy('e')()).toMatchObject([{ copy: at('e/a.dat') }]);
  expect(numbersIn(client, at('e/a.dat'))).toHaveLength(11);
  expect(readdirSync(at('e'))).toEqual(['a.dat']);
  made.close();
  expect(numbersIn(client, file)).toHaveLength(11);
});
