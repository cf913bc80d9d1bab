/**
 * A disk of an archival log that is full, or fails, at any byte of it. Demanded: whoever called gets 18 or 2, or, where
 * the file goes on without its log (`degrade`), nothing; everything acknowledged is in the file; and the log either has
 * all of it, or says that something is missing. Never is a backup rolled forward to anything else.
 *
 * Of the environment: `STRIDE` (bytes from one case to the next; 1: every byte), `SEED` (where to begin); both are printed.
 */
import { expect, test } from 'vitest';
import { BtrieveError, MicroKernel, type Settings } from '../../../src/index.js';
import { FaultyFileSystem, type Errno } from '../../support/faulty-files.js';
import {
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  ROOT,
  worldOf,
  type LogWorld,
} from '../../support/log-world.js';
import { memoryPorts } from '../../support/memory-view.js';

const STRIDE = Number(process.env['STRIDE'] ?? 61);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const A = '/d/a.btr';
const LOG = '/d/a.log';
const OPERATIONS = ['write', 'beginWrite'] as const;

type Policy = Settings['archiveFailure'];

let seeds = 0;

function start(world: LogWorld, policy: Policy, files = world.ports.files): MicroKernel {
  const ports = { ...world.ports, files, random: memoryPorts(++seeds).random };
  return MicroKernel.start({
    root: ROOT,
    ports,
    settings: {
      archivalLoggingSelectedFiles: true,
      transactionDurability: true,
      archiveFailure: policy,
    },
    archive: { logFor: (path) => (path === A ? LOG : undefined) },
  });
}

function isArchive(path: string): boolean {
  return path.startsWith(LOG);
}

/** Three appends, with a cut between them; what was acknowledged. Ends with the first failure. */
function work(engine: MicroKernel, done: number[]): void {
  const client = engine.client();
  const file = client.openFile(A, Line);
  for (let n = 1; n <= 3; n++) {
    file.insert({ n, text: `line ${n}` });
    done.push(n);
    file.flush();
    if (n === 2) engine.archiveCut(A);
  }
  file.close();
}

function statusOf(task: () => void): number {
  try {
    task();
    return 0;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return error.status;
  }
}

interface Prepared {
  readonly world: LogWorld;
  readonly backup: Uint8Array;
}

function prepare(): Prepared {
  const world = newLogWorld();
  const engine = start(world, 'stop');
  makeFile(engine.client(), A).close();
  engine.stop();
  return { world, backup: copyOf(world, A) };
}

/** What is there once the disk is sound again, and what the backup comes to. */
function judge(
  world: LogWorld,
  backup: Uint8Array,
  done: readonly number[],
  policy: Policy,
): string {
  let engine = start(world, policy);
  const there = numbersIn(engine.client(), A);
  // What was refused may be there; what was acknowledged must be.
  expect(there.slice(0, done.length)).toEqual(done);
  engine.stop();
  putBack(world, A, backup);
  engine = start(world, policy);
  try {
    const [file] = engine.rollForward([A], { archiveOnly: true }).files;
    if (file?.outcome === 'refused') return file.reason ?? '';
    expect(['rolled-forward', 'nothing-to-do']).toContain(file?.outcome);
    expect(numbersIn(engine.client(), A)).toEqual(there);
    return 'whole';
  } finally {
    engine.stopQuietly();
  }
}

interface Case {
  readonly policy: Policy;
  readonly code: Errno;
  readonly at: number;
  readonly part: number;
  readonly lasting: boolean;
}

function strike({ policy, code, at, part, lasting }: Case): { isHit: boolean; ends: string[] } {
  const { world, backup } = prepare();
  const files = new FaultyFileSystem(world.ports.files);
  const engine = start(world, policy, files);
  const wanted = { operations: OPERATIONS, at, code, lasting, paths: isArchive };
  files.setFault({ ...wanted, partial: true, partialBytes: part });
  const done: number[] = [];
  const status = statusOf(() => work(engine, done));
  const isHit = files.hits.length > 0;
  files.setFault();
  expect([0, 2, 18]).toContain(status);
  const cut = worldOf(world.disk.powerCut());
  const dead = kill(world, engine);
  const ends = [dead, cut].map((each) => judge(each, backup, done, policy));
  for (const end of ends) expect(['whole', 'gap', 'log-newer', 'no-log']).toContain(end);
  // With `stop` the file waits for its log: what the file has, the log has.
  if (policy === 'stop') expect(ends).toEqual(['whole', 'whole']);
  return { isHit, ends };
}

/** Bytes of the longest write. */
const LONGEST = 640;

test.each([
  ['stop', 'ENOSPC'],
  ['stop', 'EIO'],
  ['degrade', 'ENOSPC'],
  ['degrade', 'EIO'],
] as const)(
  '%s, %s at every byte',
  (policy, code) => {
    const ends = new Map<string, number>();
    let cases = 0;
    for (let at = 1, isHit = true; isHit; at++) {
      for (let part = SEED % STRIDE; part < LONGEST; part += STRIDE) {
        const lasting = (part + at) % 2 === 0;
        const result = strike({ policy, code, at, part, lasting });
        isHit = result.isHit;
        if (!isHit) break;
        cases++;
        for (const end of result.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
      }
    }
    console.log(
      `SEED=${SEED} STRIDE=${STRIDE}: ${policy}, ${code}: ${cases} cases, ${JSON.stringify([...ends])}`,
    );
    expect(cases).toBeGreaterThan(4 * Math.floor(LONGEST / STRIDE));
  },
  900_000,
);

/** Six appends without a log that can be written from one of its writes on until some of them are done. */
function degradeForAWhile(
  code: Errno,
  at: number,
  until: number,
): { isHit: boolean; ends: string[] } {
  const { world, backup } = prepare();
  const files = new FaultyFileSystem(world.ports.files);
  const engine = start(world, 'degrade', files);
  files.setFault({ operations: OPERATIONS, at, code, lasting: true, paths: isArchive });
  const file = engine.client().openFile(A, Line);
  const done: number[] = [];
  let isHit = false;
  for (let n = 1; n <= 6; n++) {
    file.insert({ n, text: `line ${n}` });
    file.flush();
    done.push(n);
    if (n !== until) continue;
    isHit = files.hits.length > 0;
    files.setFault();
  }
  const dead = kill(world);
  file.close();
  engine.stop();
  const ends = [dead, world].map((each) => judge(each, backup, done, 'degrade'));
  return { isHit, ends };
}

test.each(['ENOSPC', 'EIO'] as const)(
  'degrade, %s for a while: what is missing is said',
  (code) => {
    const ends = new Map<string, number>();
    for (let at = 1, isHit = true; isHit; at++) {
      for (let until = 1; until <= 6; until++) {
        const result = degradeForAWhile(code, at, until);
        if (until === 6) isHit = result.isHit;
        for (const end of result.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
      }
    }
    console.log(`degrade, ${code} for a while: ${JSON.stringify([...ends])}`);
    expect([...ends.keys()].filter((end) => !['whole', 'gap', 'log-newer'].includes(end))).toEqual(
      [],
    );
    expect(ends.get('gap') ?? 0).toBeGreaterThan(0);
  },
);
