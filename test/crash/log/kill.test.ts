/**
 * A process that is killed in the middle of its work, and what is there afterwards: with logging every
 * transaction that was answered, with durability every operation, and each transaction in all files or
 * in none. One kill in four hits the process while it recovers from the one before.
 *
 * Of the environment: `SEED`, `RUNS` (kills).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkFile, MicroKernel } from '../../../src/index.js';
import { compileProgram } from '../../support/compiled-tree.js';
import { randomFrom } from '../world.js';
import { ALONE, FILES, Item, settingsOf, type KillMode } from './kill-files.js';

const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url));
const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 200);
const MODES: readonly KillMode[] = ['logging', 'durable', 'small'];
/** Operations answered before a kill, at the most: however slow the machine is, it has got somewhere. */
const LINES = 40;
/** A process that prints nothing for so long never will. */
const PATIENCE_MS = 60_000;

let directory = '';
let program = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-kill-'));
  program = compileProgram(CHILD, join(directory, 'program'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Answered {
  readonly transactions: Set<number>;
  readonly operations: Set<number>;
  readonly aborted: Set<number>;
  last: number;
}

/** Runs the child until so long after it has printed so many lines; the first says that recovery begins. */
async function runAndKill(
  order: readonly string[],
  answered: Answered,
  lines: number,
  delay: number,
): Promise<void> {
  const child = spawn(process.execPath, [program, ...order], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  const printed = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.split('\n').length > lines) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([printed, ended, timeout(PATIENCE_MS)]);
  await timeout(delay);
  child.kill('SIGKILL');
  await ended;
  if (child.signalCode !== 'SIGKILL') throw new Error(`the process has ended: ${complaint}`);
  for (const line of text.split('\n').slice(0, -1)) note(line, answered);
}

function timeout(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function note(line: string, answered: Answered): void {
  const [kind, digits] = line.split(' ');
  const serial = Number(digits);
  if (kind === 't') answered.transactions.add(serial);
  else if (kind === 'o') answered.operations.add(serial);
  else if (kind === 'a') answered.aborted.add(serial);
  else return;
  answered.last = Math.max(answered.last, serial);
}

function create(place: string, mode: KillMode): void {
  const engine = MicroKernel.start({ root: join(place, 'root'), settings: settingsOf(mode) });
  const client = engine.client();
  for (const name of FILES) client.createFile(join(place, name), Item);
  engine.stop();
}

interface Judged {
  readonly recovered: number;
  readonly records: number;
}

/** What is there of what was answered. */
function judge(place: string, mode: KillMode, answered: Answered): Judged {
  const engine = MicroKernel.start({ root: join(place, 'root'), settings: settingsOf(mode) });
  const client = engine.client();
  const found = FILES.map((name) => {
    const file = client.openFile(join(place, name), Item);
    return new Map([...file.scan('bySerial')].map(({ serial, group }) => [serial, group]));
  });
  const recovered = engine.recoveries.length;
  engine.stop();
  for (const serial of answered.transactions) {
    for (const each of found) expect(each.has(serial), `transaction ${serial}`).toBe(true);
  }
  for (const serial of answered.aborted) {
    for (const each of found) expect(each.has(serial), `aborted ${serial}`).toBe(false);
  }
  if (mode === 'durable') {
    for (const serial of answered.operations) {
      expect(
        found.some((each) => each.has(serial)),
        `operation ${serial}`,
      ).toBe(true);
    }
  }
  const all = new Set(found.flatMap((each) => [...each.keys()]));
  for (const serial of all) {
    const there = found.filter((each) => each.has(serial));
    const groups = new Set(there.map((each) => each.get(serial)));
    const expected = groups.has(ALONE) ? 1 : FILES.length;
    expect([serial, there.length, groups.size]).toEqual([serial, expected, 1]);
  }
  for (const name of FILES) expect(checkFile(join(place, name)).findings).toEqual([]);
  return { recovered, records: all.size };
}

test('killed processes lose nothing that was answered', async () => {
  const random = randomFrom(SEED);
  let [recovered, kills, transactions, records, hits] = [0, 0, 0, 0, 0];
  const rounds = Math.ceil(RUNS / 4);
  for (let round = 0; round < rounds; round++) {
    const mode = MODES[round % MODES.length] ?? 'logging';
    const place = mkdtempSync(join(directory, 'run-'));
    create(place, mode);
    const answered: Answered = {
      transactions: new Set(),
      operations: new Set(),
      aborted: new Set(),
      last: 0,
    };
    for (let kill = 0; kill < 4; kill++, kills++) {
      const before = answered.last;
      const first = String(before + 10);
      const order = [place, String(SEED * 1000 + kills), mode, first];
      const lines = kill === 2 ? 1 : 2 + Math.floor(random() * LINES);
      await runAndKill(order, answered, lines, random() * (kill === 2 ? 30 : 10));
      // The third comes while the process recovers from the second, or just after.
      if (kill === 1) continue;
      if (kill === 2 && answered.last === before) hits++;
      const judged = judge(place, mode, answered);
      recovered += judged.recovered;
      records += judged.records;
      answered.last += 10;
    }
    transactions += answered.transactions.size;
    rmSync(place, { recursive: true, force: true });
  }
  console.log(
    `kill -9, seed ${SEED}: ${kills} kills (${hits} before anything was answered), ` +
      `${transactions} transactions answered, ${recovered} files recovered`,
  );
  expect(Math.min(transactions, records, recovered)).toBeGreaterThan(rounds);
});
