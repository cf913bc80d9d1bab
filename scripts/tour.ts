/**
 * `npm run tour`: what there is so far, on the real disk, in a few seconds.
 *
 * Every claim is compared with what is found; the first that is not so ends the tour with exit
 * code 1. Leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { butil } from '../bin/command-line.js';
import { BtrieveError, MicroKernel, Op, type Client } from '../src/index.js';
import { Customer, customer, openCustomers } from './tour-file.js';

const KILLS = 5;
const FIRST = 2000;

function say(text: string): void {
  console.log(text);
}

function claim(isSo: boolean, text: string): void {
  if (!isSo) throw new Error(`not so: ${text}`);
  say(`  ✓ ${text}`);
}

/** Shows a command and its real output; returns its exit code. */
async function show(...words: string[]): Promise<number> {
  say(`\n$ butil ${words.join(' ')}`);
  const out = (text: string): void => say(text.replaceAll(/^/gm, '  '));
  return butil(words, { platform: process.platform, out, err: out });
}

function statusOf(work: () => unknown): number {
  try {
    work();
    return 0;
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
}

/** The classic call: opens the file, and gets the customer with a number by key 0. */
function classicGet(client: Client, path: string, id: number): Uint8Array {
  const block = new Uint8Array(128);
  const data = new Uint8Array(200);
  const length = Uint32Array.of(0);
  const key = new Uint8Array(255);
  key.set(new TextEncoder().encode(path));
  claim(client.btrcall(Op.OPEN, block, data, length, key, 0) === 0, 'Open: status 0');
  new DataView(key.buffer).setUint32(0, id, true);
  length[0] = data.length;
  const status = client.btrcall(Op.GET_EQUAL, block, data, length, key, 0);
  claim(status === 0, `Get Equal by key 0: status 0, ${length[0]} bytes`);
  client.btrcall(Op.CLOSE, block, data, length, key, 0);
  return data.subarray(0, length[0]);
}

function records(root: string, path: string): void {
  say(`A file of customers with three keys, and ${FIRST} records:`);
  const maker = MicroKernel.start({ root });
  maker.client().createFile(path, Customer);
  maker.stop();
  const { engine, file } = openCustomers(root, path);
  for (let id = 1; id <= FIRST; id++) file.insert({ ...customer(id), id: 0 });
  claim(
    isDeepStrictEqual(file.get('byId', 1234), customer(1234)),
    'number 1234 is there by its id',
  );
  const [first] = file.scan('byName', { from: 'GRACE', limit: 1 });
  claim(first?.name === 'Grace 1005', 'the first Grace by name, whatever the case: Grace 1005');
  const inBern = [...file.scan('byCity', { from: 'Bern', to: 'Bern' })].length;
  claim(inBern === FIRST / 4, `${inBern} live in Bern`);
  claim(statusOf(() => file.insert(customer(1))) === 5, 'a second number 1 is refused: status 5');
  claim(file.update('byId', 7, { city: 'Basel' })?.city === 'Basel', 'number 7 moves to Basel');
  claim(file.get('byCity', 'Basel')?.id === 7, 'and is found there');
  file.update('byId', 7, { city: customer(7).city });
  say('\nThe same file by the classic call:');
  const bytes = classicGet(engine.client(), path, 1234);
  claim(isDeepStrictEqual(Customer.decode(bytes), customer(1234)), 'the same record');
  engine.stop();
}

/** Lets another process write until it is killed; returns what it last said to be on disk. */
async function killedWriter(root: string, path: string, milliseconds: number): Promise<number> {
  const script = fileURLToPath(new URL('tour-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, root, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    // Counted from its first promise on, so that a slow start is not all there is to kill.
    timer ??= setTimeout(() => child.kill('SIGKILL'), milliseconds);
    said += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  const lines = said.split('\n');
  // What follows the last line end was cut off by the kill.
  lines.pop();
  return Number(lines.at(-1) ?? 0);
}

async function kills(root: string, path: string): Promise<void> {
  say('\nA writer in another process, killed in the middle of its work, five times over:');
  for (let kill = 1; kill <= KILLS; kill++) {
    const promised = await killedWriter(root, path, 40 + 25 * kill);
    const { engine, file } = openCustomers(root, path);
    let id = 0;
    const isWhole = [...file.scan('byId')].every((found) =>
      isDeepStrictEqual(found, customer(++id)),
    );
    claim(
      promised > 0 && file.count >= promised && id === file.count && isWhole,
      `kill ${kill}: ${promised} customers were promised, ${file.count} are there, each as stored`,
    );
    engine.stop();
  }
}

function secondEngine(root: string, path: string): void {
  say('\nOne engine at a time has a root, and writes to a file:');
  const { engine } = openCustomers(root, path);
  claim(statusOf(() => MicroKernel.start({ root })) === 85, 'a second one of the root: status 85');
  const status = statusOf(() => openCustomers(`${root}-2`, path));
  claim(status === 85, 'the file by an engine of another root: status 85');
  engine.stop();
}

function owner(root: string, path: string): void {
  say('\nAn owner name, with encryption:');
  const isPlain = (): boolean => readFileSync(path).includes('Grace 1005');
  claim(isPlain(), 'before it, names stand in the file for everyone to read');
  const engine = MicroKernel.start({ root });
  const client = engine.client();
  const block = new Uint8Array(128);
  const key = new Uint8Array(255);
  const length = Uint32Array.of(0);
  key.set(new TextEncoder().encode(path));
  client.btrcall(Op.OPEN, block, new Uint8Array(0), length, key, 0);
  const name = new TextEncoder().encode('s3cret\0');
  key.fill(0).set(name);
  length[0] = name.length;
  const status = client.btrcall(Op.SET_OWNER, block, name, length, key, 2);
  claim(status === 0 && !isPlain(), 'Set Owner, mode 2: status 0, and none is left in the file');
  client.reset();
  claim(statusOf(() => client.openFile(path, Customer)) === 51, 'without the name: status 51');
  const file = client.openFile(path, Customer, { owner: 's3cret' });
  claim(isDeepStrictEqual(file.get('byId', 7), customer(7)), 'with it, number 7 is as it was');
  engine.stop();
}

function flipBit(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 4;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

/** Offset of the bytes of a text in a file. */
function placeOf(path: string, text: string): number {
  return readFileSync(path).indexOf(text);
}

async function tour(directory: string): Promise<void> {
  const root = join(directory, 'root');
  const path = join(directory, 'customers.btr');
  records(root, path);
  claim((await show('-check', path)) === 0, 'the check finds nothing wrong');
  await kills(root, path);
  claim((await show('-check', path)) === 0, 'after all that, nothing is wrong');
  secondEngine(root, path);
  say('\nOne bit of a page goes bad:');
  // A page that was replaced is free space: of those that have the name, one is in use.
  const at = pageInUse(path, 'Grace 1005');
  flipBit(path, at);
  claim((await show('-check', path)) === 1, 'the check finds it, and where it is');
  flipBit(path, at);
  claim((await show('-check', path)) === 0, 'and is content when the bit is put right');
  owner(root, path);
  say(`\n${statSync(path).size} bytes in all.`);
}

/** An offset in a page that is in use and holds a text. */
function pageInUse(path: string, text: string): number {
  const bytes = readFileSync(path);
  const { engine, file } = openCustomers(`${path}-root`, path);
  const record = file.getBytes('byName', text) ?? new Uint8Array(0);
  engine.stop();
  const at = bytes.lastIndexOf(record);
  return at < 0 ? placeOf(path, text) : at;
}

const directory = mkdtempSync(join(tmpdir(), 'isamite-tour-'));
try {
  await tour(directory);
  say('\nThat was the tour.');
} finally {
  rmSync(directory, { recursive: true });
}
