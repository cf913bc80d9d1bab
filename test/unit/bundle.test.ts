/** The library as one module does what its sources do: the same exports, and the same answers to calls by chance. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle, copyWorkers, withConstants } from '../../scripts/bundle.js';
import * as sources from '../../src/index.js';
import { randomFrom } from '../crash/world.js';
import { Caller } from '../support/caller.js';
import { remoteCreate } from '../support/remote-caller.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const CALLS = 6000;
const LENGTH = 40;
const { Op } = sources;

type Library = typeof sources;

/** In the repository, so that packages are found; the configuration of the test runner names it, so that modules are as they are. */
const labs = fileURLToPath(new URL('../../.results/labs', import.meta.url));
let directory = '';
let text = '';
let bundled: Library;

beforeAll(async () => {
  mkdirSync(labs, { recursive: true });
  directory = mkdtempSync(join(labs, 'bundle-'));
  text = bundle();
  writeFileSync(join(directory, 'index.js'), text);
  copyWorkers(directory);
  const url = pathToFileURL(join(directory, 'index.js')).href;
  bundled = (await import(/* @vite-ignore */ url)) as Library;
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('what never changes is a constant', () => {
  const others = text
    .split('\n')
    .filter((line) => /^(async |function|class |var |let )/.test(line));
  // State of the process, and a name that is taken out of an object: nothing that calls go through.
  expect(others.length).toBeLessThan(15);
  expect(others.filter((line) => /function|class/.test(line))).toEqual([]);
});

test('it has what the sources have, by the same names', () => {
  const names = (library: Library): string[] =>
    Object.entries(library)
      .map(([name, value]) => `${name} ${typeof value === 'function' ? value.name : ''}`)
      .sort();
  expect(names(bundled)).toEqual(names(sources));
});

test('clients in other processes are served: the thread of the sockets is found', async () => {
  const place = join(directory, 'served');
  mkdirSync(place);
  const root = join(place, 'root');
  const engine = bundled.MicroKernel.start({ root, settings: { requester: true } });
  expect(engine.waitForRequester(10_000)).toBe(true);
  const client = await bundled.connect({ root });
  expect(await remoteCreate(client, join(place, 'a.btr'), { recordLength: 8, keys: [] })).toBe(0);
  await client.close();
  engine.stop();
});

describe('what is made of declarations', () => {
  test.each([
    ['function a() {}', 'const a = function () {};'],
    ['async function a() {}', 'const a = async function () {};'],
    ['async function* a() {}', 'const a = async function* () {};'],
    ['var a = class _a {};', 'const a = class _a {};'],
    ['let a = 1;', 'const a = 1;'],
    ['var a = 1;\nconst b = () => a++;', 'var a = 1;\nconst b = () => a++;'],
    ['var a;\nconst b = () => ([a] = [1]);', 'var a;\nconst b = () => ([a] = [1]);'],
    ['var a = 1;\nfor (a of []);', 'var a = 1;\nfor (a of []);'],
  ])('%s', (before, after) => expect(withConstants(before).trim()).toBe(after));

  test.each([
    ['function a() {}\na = 1;', 'no constant'],
    ['class a {}', 'not understood'],
    ['var a = 1;\na = 2;\nexport { a };', 'an export that changes: a'],
    ["export * from 'a';", 'no list of exports'],
  ])('%s is refused', (before, why) => expect(() => withConstants(before)).toThrow(why));
});

describe(`${CALLS} calls by chance, seed ${SEED}`, () => {
  test('are answered alike', { timeout: 120_000 }, () => {
    const expected = answers(sources, 'sources');
    expect(expected.statuses.size).toBeGreaterThan(5);
    expect(answers(bundled, 'bundled')).toEqual(expected);
  });
});

/** What calls by chance have returned, of which statuses, and the records that there are then. */
function answers(
  { MicroKernel }: Library,
  name: string,
): { digest: string; statuses: Set<number> } {
  const place = join(directory, name);
  mkdirSync(place);
  const engine = MicroKernel.start({ root: join(place, 'root') });
  const callers = [1, 2].map(() => new Caller(engine.client()));
  const path = join(place, 'a.btr');
  const keys = [
    [{ offset: 0, length: 4, type: 14 }],
    [
      { offset: 4, length: 2, type: 14, flags: 3 },
      { offset: 6, length: 6, type: 0, flags: 3 },
    ],
  ];
  expect(callers[0]!.create(path, { recordLength: LENGTH, keys })).toBe(0);
  const blocks = callers.map((caller) => caller.open(path).block);
  const random = randomFrom(SEED);
  const statuses = new Set<number>();
  const hash = createHash('sha256');
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let call = 0; call < CALLS; call++) {
    const who = below(2);
    const data = Buffer.alloc(LENGTH, below(256));
    data.writeUInt32LE(below(1500), 0);
    data.writeUInt16LE(below(40), 4);
    const op = OPS[below(OPS.length)]!;
    const keyNumber = BY_KEY.has(op) ? below(2) : 0;
    const key = keyNumber === 0 ? data.subarray(0, 4) : data.subarray(4, 12);
    const found = callers[who]!.call(op, { block: blocks[who]!, data, key, keyNumber });
    statuses.add(found.status);
    hash
      .update(`${call} ${op} ${found.status} ${found.length}`)
      .update(found.data)
      .update(found.key);
  }
  for (const caller of callers) caller.call(Op.RESET);
  engine.stop();
  const ended = MicroKernel.start({ root: join(place, 'root') });
  const reader = new Caller(ended.client());
  const { block } = reader.open(path);
  for (let op: number = Op.STEP_FIRST, status = 0; status === 0; op = Op.STEP_NEXT) {
    const found = reader.call(op, { block, room: LENGTH });
    status = found.status;
    hash.update(found.data);
  }
  reader.call(Op.RESET);
  ended.stop();
  return { digest: hash.digest('hex'), statuses };
}

const BY_KEY = new Set<number>([
  ...[Op.GET_EQUAL, Op.GET_NEXT, Op.GET_PREVIOUS, Op.GET_GT, Op.GET_GE, Op.GET_LT, Op.GET_LE],
  ...[Op.GET_FIRST, Op.GET_LAST, Op.INSERT, Op.UPDATE],
]);
const CONCURRENT = 1000;
const OPS: readonly number[] = [
  ...BY_KEY,
  ...[Op.INSERT, Op.INSERT, Op.INSERT, Op.INSERT, Op.GET_GE, Op.UPDATE, Op.DELETE],
  ...[Op.STEP_FIRST, Op.STEP_NEXT, Op.STEP_LAST, Op.STEP_PREVIOUS, Op.GET_POSITION],
  ...[Op.BEGIN_TRAN + CONCURRENT, Op.END_TRAN, Op.END_TRAN, Op.ABORT_TRAN],
];
