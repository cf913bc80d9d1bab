/**
 * Engines that are killed while they put files into continuous operation, work in them and take them out: all
 * or none are in, frozen files are sound, and no transaction that was answered is lost. A process has several, each
 * with a root of its own, so that a kill meets each of them at another moment.
 *
 * Of the environment: `SEED`, `RUNS` (engines killed).
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkFile, MicroKernel, type ContinuousFile } from '../../../src/index.js';
import { compileProgram } from '../../support/compiled-tree.js';
import { FILES, Item, settingsOf } from '../log/kill-files.js';
import { randomFrom } from '../world.js';

const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url));
const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 120);
const ENGINES = 4;
/** Lines printed before a kill, at the most: with four engines, some rounds of each. */
const LINES = 200;

/** What an engine has answered, and what it was doing, when it was killed. */
interface Killed {
  readonly answered: number[];
  phase: string;
}

/**
 * Of each engine of a child that is killed a moment after it has printed so many lines: however slow the machine
 * is, it has got somewhere.
 */
async function runAndKill(
  program: string,
  words: readonly string[],
  lines: number,
  delay: number,
): Promise<Killed[]> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, complaint] = ['', ''];
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.split('\n').length > lines) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([ready, ended]);
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill('SIGKILL');
  await ended;
  if (child.signalCode !== 'SIGKILL') throw new Error(`the process has ended: ${complaint}`);
  const killed = Array.from({ length: ENGINES }, (): Killed => ({
    answered: [],
    phase: 'outside',
  }));
  for (const line of text.split('\n').slice(0, -1)) {
    const [what, number, value = ''] = line.split(' ');
    const one = killed[Number(number)];
    if (what === 't') one?.answered.push(Number(value));
    else if (what === 'p' && one !== undefined) one.phase = value;
  }
  return killed;
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

/**
 * Work goes on. It also gives a file its second copy of the last control record, which a kill in the middle of a
 * clean close leaves out.
 */
function goOn(engine: MicroKernel, paths: readonly string[]): void {
  const client = engine.client();
  const serial = 2 ** 30;
  for (const path of paths) {
    const file = client.openFile(path, Item);
    file.insert({ serial, group: 0, text: 'after' });
    file.delete('bySerial', serial);
    file.close();
  }
  client.close();
}

/** One engine and its files, over all kills. */
class Site {
  readonly directory: string;
  readonly paths: readonly string[];
  readonly answered: number[] = [];

  constructor(directory: string) {
    this.directory = directory;
    this.paths = FILES.map((name) => join(directory, name));
    mkdirSync(directory);
    const engine = this.#start();
    for (const path of this.paths) engine.client().createFile(path, Item);
    engine.stop();
  }

  #start(): MicroKernel {
    const settings = { ...settingsOf('small'), requester: false };
    return MicroKernel.start({ root: join(this.directory, 'root'), settings });
  }

  /** Looks at everything after a kill; returns whether it was in, and whether it was being taken out. */
  assertWell(killed: Killed, endsIt: boolean): { isInside: boolean; isResumed: boolean } {
    this.answered.push(...killed.answered);
    const engine = this.#start();
    const before = engine.continuous();
    assertAllThere(engine, this.paths, this.answered);
    const after = engine.continuous();
    assertFrozen(before, after, join(this.directory, 'copy.btr'));
    if (endsIt) engine.endContinuous('all');
    goOn(engine, this.paths);
    engine.stop();
    const left = readdirSync(this.directory).filter((name) => name.endsWith('.^^^'));
    expect(left).toHaveLength(endsIt ? 0 : after.length);
    for (const path of this.paths) expect(checkFile(path).findings).toEqual([]);
    const isResumed = before.some(({ state }) => state === 'ending');
    return { isInside: after.length > 0, isResumed };
  }
}

test(`killed in continuous operation, nothing that was answered is lost (SEED=${SEED})`, async () => {
  const random = randomFrom(SEED);
  const directory = mkdtempSync(join(tmpdir(), 'isamite-contops-kill-'));
  const program = compileProgram(CHILD, join(directory, 'program'));
  const phases = new Map<string, number>();
  let [inside, resumed, kills] = [0, 0, 0];
  let [sites, answered]: [Site[], number] = [[], 0];
  try {
    for (; kills < RUNS; kills += ENGINES) {
      // Files do not grow without end.
      if ((kills / ENGINES) % 5 === 0) {
        sites = Array.from(
          { length: ENGINES },
          (_, n) => new Site(join(directory, `${kills + n}`)),
        );
      }
      const from = String(Math.max(0, ...sites.map((site) => site.answered.at(-1) ?? 0)) + 10);
      const words = [String(SEED * 1000 + kills), from, ...sites.map((site) => site.directory)];
      const killed = await runAndKill(
        program,
        words,
        Math.floor(random() * LINES),
        Math.floor(random() * 30),
      );
      for (const [at, site] of sites.entries()) {
        const each = killed[at] ?? { answered: [], phase: '' };
        phases.set(each.phase, (phases.get(each.phase) ?? 0) + 1);
        answered += each.answered.length;
        const { isInside, isResumed } = site.assertWell(each, (kills / ENGINES + at) % 2 === 0);
        if (isInside) inside++;
        if (isResumed) resumed++;
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const doing = [...phases].map(([phase, count]) => `${phase} ${count}`).join(', ');
  console.log(
    `kill -9, seed ${SEED}: ${kills} engines killed (${doing}), ${answered} transactions answered, ` +
      `${inside} times in continuous operation, ${resumed} times while taken out`,
  );
  expect(Math.min(inside, answered)).toBeGreaterThan(0);
});
