/**
 * `npm run tour [original file]`: the main job, on real input, from an original Btrieve file to a lost and
 * restored one. Shows each command and its real output.
 *
 * Every claim is compared with what is found, and what a writer in another process has said; the first that is
 * not so ends the tour with exit code 1. Leaves nothing behind.
 */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { butil } from '../bin/command-line.js';
import { identifyFile, isOriginalFile, MicroKernel, Op, type FileIdentity } from '../src/index.js';
import { Customer, customer, Entry, entry } from './tour-file.js';

const ORIGINAL = new URL('../test/fixtures/legacy-made/9.5-fixed.btr', import.meta.url);
const PATIENCE = 60_000;

const base = mkdtempSync(join(tmpdir(), 'isamite-tour-'));
const root = join(base, 'root');
const customersPath = join(base, 'customers.btr');
const entriesPath = join(base, 'entries.btr');

function say(text: string): void {
  console.log(text);
}

function claim(isSo: boolean, text: string): void {
  if (!isSo) throw new Error(`not so: ${text}`);
  say(`  ✓ ${text}`);
}

/** Shows a command and its real output. Its exit code must be the one that is expected. */
async function show(words: readonly string[], exitCode = 0): Promise<void> {
  const short = (text: string): string => text.replaceAll(`${base}/`, '');
  say(`\n$ butil ${short(words.join(' '))}`);
  const out = (text: string): void => {
    // Each command says who it is; here once is enough.
    if (!text.includes('Copyright')) say(short(text).replaceAll(/^(?=.)/gm, '  '));
  };
  const code = await butil([...words, '--root', root], {
    platform: process.platform,
    out,
    err: out,
  });
  if (code !== exitCode) throw new Error(`not so: it exits with ${exitCode} (but with ${code})`);
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not so: ${what}`);
    await sleep(20);
  }
}

/** The writer in another process, and what it has said so far. */
class Writer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #said = '';

  constructor() {
    const script = fileURLToPath(new URL('tour-writer.ts', import.meta.url));
    const words = ['--import', 'tsx', script, root, customersPath, entriesPath];
    this.#process = spawn(process.execPath, words);
    this.#process.stdout.setEncoding('utf8');
    this.#process.stdout.on('data', (text: string) => (this.#said += text));
    this.#process.stderr.pipe(process.stderr);
    this.#ended = new Promise((settle) => this.#process.on('close', settle));
  }

  /** Each transaction that was answered, and when. What follows the last line end is none. */
  get answered(): { id: number; at: number }[] {
    const lines = this.#said.split('\n').slice(0, -1);
    return lines.map((line) => {
      const [id = 0, at = 0] = line.split(' ').map(Number);
      return { id, at };
    });
  }

  get last(): number {
    return this.answered.at(-1)?.id ?? 0;
  }

  async goOn(transactions: number): Promise<void> {
    const wanted = this.last + transactions;
    await until(() => this.last >= wanted, `the writer goes on to ${wanted}`);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}

interface Found {
  readonly customers: number;
  readonly entries: number;
}

/** How many customers and entries there are; all of them must be as they were written, from 1 on. */
function found(): Found {
  const engine = MicroKernel.start({ root });
  try {
    const client = engine.client();
    const customers = client.openFile(customersPath, Customer);
    const entries = client.openFile(entriesPath, Entry);
    return {
      customers: countOf(customers.scan('byId'), customer),
      entries: countOf(entries.scan('byId'), entry),
    };
  } finally {
    engine.stop();
  }
}

function countOf(records: Iterable<object>, wanted: (id: number) => object): number {
  let id = 0;
  for (const one of records) {
    if (!isDeepStrictEqual(one, wanted(++id)))
      throw new Error(`not so: number ${id} is as written`);
  }
  return id;
}

/** How many customers are in a copy, which must be whole. */
function countIn(path: string): number {
  const engine = MicroKernel.start({ root: join(base, 'another-root') });
  try {
    return countOf(engine.client().openFile(path, Customer).scan('byId'), customer);
  } finally {
    engine.stop();
  }
}

/** A sentence for a person in place of a stack: nothing of the tour is wrong. */
class NoTour extends Error {}

/** What `butil -identify` says of the input. Throws `NoTour` if the tour cannot begin with it. */
function inputOf(path: string): FileIdentity {
  if (!existsSync(path)) throw new NoTour(`${path}: there is no such file.`);
  const identity = identifyFile(path);
  const { refusal } = identity;
  if (refusal !== undefined) {
    const hint =
      refusal.status === 51 ? ' The tour has no owner name for it: try -identify with -O.' : '';
    throw new NoTour(`${refusal.message}.${hint}`);
  }
  if (!isOriginalFile(path)) {
    throw new NoTour(`${path}: this is no file of an original Btrieve engine.`);
  }
  return identity;
}

async function original(path: string): Promise<void> {
  const { records = 0 } = inputOf(path);
  say('A file that an original Btrieve engine would read, as it lies there:');
  const own = join(base, `own-${basename(path)}`);
  await show(['-identify', path]);
  await show(['-rebuild', path, own]);
  await show(['-stat', own]);
  if (records === 0) {
    say('  (It has no records, so there is nothing to be read by key.)');
    return;
  }
  const engine = MicroKernel.start({ root });
  const client = engine.client();
  const lengths = [path, own].map((file) => {
    const block = new Uint8Array(128);
    const data = new Uint8Array(65_535);
    const length = Uint32Array.of(0);
    const key = new Uint8Array(255);
    key.set(new TextEncoder().encode(`${file}\0`));
    claim(
      client.btrcall(Op.OPEN, block, data, length, key, -2) === 0,
      `Open ${basename(file)}: status 0`,
    );
    length[0] = data.length;
    const status = client.btrcall(Op.GET_FIRST, block, data, length, key, 0);
    return { status, bytes: Buffer.from(data.subarray(0, length[0])).toString('hex') };
  });
  engine.stop();
  claim(isDeepStrictEqual(lengths[0], lengths[1]), 'Get First by key 0: the same record of both');
}

function makeFiles(): void {
  const engine = MicroKernel.start({ root });
  const client = engine.client();
  client.createFile(customersPath, Customer);
  client.createFile(entriesPath, Entry);
  engine.stop();
}

async function continuous(writer: Writer): Promise<void> {
  say('\nA backup of customers.btr with any tool, while another process writes:');
  await show(['-startbu', customersPath]);
  const frozen = digest(customersPath);
  const before = writer.last;
  const copy = join(base, 'customers.copy');
  await writer.goOn(200);
  execFileSync('dd', [`if=${customersPath}`, `of=${copy}`, 'bs=3000'], { stdio: 'ignore' });
  say('\n$ dd if=customers.btr of=customers.copy bs=3000');
  claim(
    digest(customersPath) === frozen,
    'while 200 transactions were written, the file has not changed by a byte',
  );
  await show(['-contops']);
  await show(['-endbu', customersPath]);
  const inCopy = countIn(copy);
  claim(
    inCopy >= before - 200 && inCopy <= writer.last,
    `the copy is whole, and has the first ${inCopy} customers`,
  );
  await show(['-check', copy]);
}

/** Archives entries.btr from here on, and copies it. */
async function archive(writer: Writer): Promise<void> {
  say('\nNow entries.btr gets an archival log, while the writer goes on:');
  await show(['-blog', 'add', entriesPath]);
  const begun = (): boolean =>
    readFileSync(join(root, 'event.log'), 'utf8').includes('archive-begun');
  await until(begun, 'the engine follows the edit of blog.cfg');
  claim(true, 'the engine has read the edit, and archives the file from here on');
  mkdirSync(join(base, 'backup'));
  await show(['-hotcopy', entriesPath, join(base, 'backup')]);
  await writer.goOn(300);
}

async function crash(writer: Writer): Promise<number> {
  say('\nThe writer is killed in the middle of its transactions:');
  await writer.kill();
  const promised = writer.last;
  await show(['-recoverall']);
  const { customers, entries } = found();
  claim(
    customers >= promised && entries === customers,
    `${promised} transactions were answered; ${customers} are there, whole in both files`,
  );
  await show(['-check', customersPath]);
  return customers;
}

async function restore(writer: Writer, all: number): Promise<void> {
  say('\nentries.btr is lost. Its hot copy is put back, and rolled forward:');
  const backup = join(base, 'backup', 'entries.btr');
  rmSync(entriesPath);
  copyFileSync(backup, entriesPath);
  await show(['-rollfwd', entriesPath]);
  claim(found().entries === all, `all ${all} entries are there again`);

  say('\nOr as it was at a moment:');
  const answered = writer.answered;
  const moment = answered[Math.floor(answered.length * 0.8)]?.at ?? 0;
  copyFileSync(backup, entriesPath);
  await show(['-rollfwd', entriesPath, '--until', new Date(moment).toISOString()]);
  const least = answered.filter(({ at }) => at < moment).at(-1)?.id ?? 0;
  const most = (answered.filter(({ at }) => at <= moment).at(-1)?.id ?? 0) + 1;
  const { entries } = found();
  claim(
    entries >= least && entries <= most,
    `${entries} entries: what was answered before that moment, and nothing after it`,
  );
}

async function tour(path: string): Promise<void> {
  await original(path);
  makeFiles();
  say('\nArchival logging is switched on, which takes effect with the next start:');
  await show(['-config', 'set', 'archivalLoggingSelectedFiles=on']);
  mkdirSync(join(root, 'blog'), { recursive: true });
  say('\nAnother process writes to two files, a record of each in every transaction.');
  const writer = new Writer();
  try {
    await until(() => writer.last >= 100, 'the writer begins');
    await continuous(writer);
    await archive(writer);
    const all = await crash(writer);
    await restore(writer, all);
  } finally {
    await writer.kill();
  }
  say('\nWho did what, by the archival log:');
  await show(['-readlog', entriesPath, '--limit', '3']);
  await show(['-check', entriesPath]);
}

const began = performance.now();
try {
  await tour(resolve(process.argv[2] ?? fileURLToPath(ORIGINAL)));
  say(`\nThat was the tour: ${((performance.now() - began) / 1000).toFixed(0)} s.`);
} catch (error) {
  if (!(error instanceof NoTour)) throw error;
  console.error(error.message);
  process.exitCode = 2;
} finally {
  rmSync(base, { recursive: true, force: true });
}
