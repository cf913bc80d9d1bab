/**
 * A process that is killed while it puts files into continuous operation, works in them and takes them out: all
 * or none are in, frozen files are sound, and no transaction that was answered is lost.
 *
 * Of the environment: `SEED`, `RUNS` (kills).
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkFile, MicroKernel, type ContinuousFile } from '../../../src/index.js';
import { FILES, Item, settingsOf } from '../log/kill-files.js';
import { randomFrom } from '../world.js';

const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 25);

/** What the child has answered before it was killed, so many milliseconds after it was ready. */
async function runAndKill(words: readonly string[], delay: number): Promise<number[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [text, complaint] = ['', ''];
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes('ready')) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([ready, ended]);
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill('SIGKILL');
  await ended;
  if (child.signalCode !== 'SIGKILL') throw new Error(`the process has ended: ${complaint}`);
  const lines = text.split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('t ')).map((line) => Number(line.slice(2)));
}

/** Every transaction that was answered is in all files, and each is in all or none. */
function assertAllThere(
  engine: MicroKernel,
  paths: readonly string[],
  answered: readonly number[],
): void {
  const client = engine.client();
  const found = paths.map((path) => {
    const file = client.openFile(path, Item);
    return new Set([...file.scan('bySerial')].map(({ serial }) => serial));
  });
  for (const serial of answered) {
    for (const each of found) expect(each.has(serial), `transaction ${serial}`).toBe(true);
  }
  for (const each of found) expect(each.size).toBe(found[0]?.size);
}

/** What was being taken out is out; before that, all were in or none. Each is sound by itself. */
function assertFrozen(
  before: readonly ContinuousFile[],
  after: readonly ContinuousFile[],
  copy: string,
): void {
  const isWhole = before.length === FILES.length && before.every(({ state }) => state === 'active');
  if (isWhole) expect(after).toHaveLength(before.length);
  for (const { file, state } of after) {
    expect(state).toBe('active');
    copyFileSync(file, copy);
    expect(checkFile(copy).findings).toEqual([]);
  }
}

test(`killed in continuous operation, nothing that was answered is lost (SEED=${SEED})`, async () => {
  const random = randomFrom(SEED);
  const directory = mkdtempSync(join(tmpdir(), 'isamite-contops-kill-'));
  const paths = FILES.map((name) => join(directory, name));
  const start = () =>
    MicroKernel.start({ root: join(directory, 'root'), settings: settingsOf('small') });
  const first = start();
  for (const path of paths) first.client().createFile(path, Item);
  first.stop();
  const answered: number[] = [];
  let [inside, resumed] = [0, 0];
  try {
    for (let kill = 0; kill < RUNS; kill++) {
      const from = String((answered.at(-1) ?? 0) + 10);
      const delay = 20 + Math.floor(random() * 600);
      answered.push(...(await runAndKill([directory, String(SEED * 1000 + kill), from], delay)));
      const engine = start();
      const before = engine.continuous();
      assertAllThere(engine, paths, answered);
      const after = engine.continuous();
      if (before.some(({ state }) => state === 'ending')) resumed++;
      if (after.length > 0) inside++;
      assertFrozen(before, after, join(directory, 'copy.btr'));
      if (kill % 2 === 0) engine.endContinuous('all');
      engine.stop();
      const left = readdirSync(directory).filter((name) => name.endsWith('.^^^'));
      expect(left).toHaveLength(kill % 2 === 0 ? 0 : after.length);
      for (const path of paths) expect(checkFile(path).findings).toEqual([]);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(
    `kill -9, seed ${SEED}: ${RUNS} kills, ${answered.length} transactions answered, ` +
      `${inside} times in continuous operation, ${resumed} times while taken out`,
  );
  expect(Math.min(inside, answered.length)).toBeGreaterThan(0);
});
