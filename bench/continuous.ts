/**
 * Benchmarks of continuous operation: what it costs those who write, and how long putting in, taking out and
 * copying take. Writers by processor time and by the clock: on a machine with other work only the first says much.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineRecord, integer, key, MicroKernel, zstring, type FileOf } from '../src/index.js';
import { median, type Row } from './measure.js';

const Line = defineRecord(
  { n: integer(4), group: integer(4), text: zstring(100) },
  { keys: { byN: key('n') } },
);

const RECORDS = Number(process.env['RECORDS'] ?? 400_000);
const BATCH = 2000;
const ROUNDS = 9;
const MB = 1e6;

type LineFile = FileOf<typeof Line>;

interface Speed {
  /** Updates a second of processor time, of all threads. */
  readonly cpu: number;
  readonly clock: number;
}

/** Updates of records all over the file, in transactions of a hundred. */
function write(engine: MicroKernel, file: LineFile, begin: number): Speed {
  const client = engine.client();
  const own = client.openFile(file.path, Line);
  const [used, began] = [process.cpuUsage(), performance.now()];
  for (let n = 0; n < BATCH; n += 100) {
    client.transaction(() => {
      for (let each = 0; each < 100; each++) {
        const number = 1 + ((begin + (n + each) * 7919) % RECORDS);
        own.update('byN', number, { text: `changed ${begin} ${n}` });
      }
    });
  }
  const cpu = process.cpuUsage(used);
  const clock = (BATCH / (performance.now() - began)) * 1000;
  client.close();
  return { cpu: (BATCH / (cpu.user + cpu.system)) * MB, clock };
}

function timed<R>(work: () => R): { ms: number; cpuMs: number; result: R } {
  const [used, began] = [process.cpuUsage(), performance.now()];
  const result = work();
  const cpu = process.cpuUsage(used);
  return { ms: performance.now() - began, cpuMs: (cpu.user + cpu.system) / 1000, result };
}

const medianOf = (speeds: readonly Speed[], what: keyof Speed): number =>
  median(speeds.map((each) => each[what]));

function share(name: string, part: readonly Speed[], whole: readonly Speed[], goal: number): Row[] {
  return (['cpu', 'clock'] as const).map((what) => ({
    name: `${name}, ${what === 'cpu' ? 'by processor time' : 'by the clock'}`,
    value: (medianOf(part, what) / medianOf(whole, what)) * 100,
    unit: '%',
    goal: ['>=', goal],
    note: `${medianOf(part, what).toFixed(0)} of ${medianOf(whole, what).toFixed(0)} updates a second`,
  }));
}

/** Megabytes a second, by both clocks. */
function rates(
  name: string,
  bytes: number,
  times: readonly { ms: number; cpuMs: number }[],
  goal: number,
): Row[] {
  const ways = [
    ['processor time', median(times.map(({ cpuMs }) => cpuMs))],
    ['the clock', median(times.map(({ ms }) => ms))],
  ] as const;
  return ways.map(([by, ms]) => ({
    name: `${name}, by ${by}`,
    value: bytes / MB / (ms / 1000),
    unit: 'MB/s',
    goal: ['>=', goal],
    note: `${(bytes / MB).toFixed(0)} MB in ${ms.toFixed(0)} ms`,
  }));
}

export function continuousBenchmarks(): Row[] {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-'));
  try {
    return measured(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function measured(directory: string): Row[] {
  const engine = MicroKernel.start({
    root: join(directory, 'root'),
    settings: { requester: false, operationBundleLimit: 1000 },
  });
  const client = engine.client();
  const path = join(directory, 'a.dat');
  client.createFile(path, Line, { pageSize: 4096 });
  const file = client.openFile(path, Line);
  for (let n = 1; n <= RECORDS; n += 1000) {
    client.transaction(() => {
      for (let each = n; each < n + 1000; each++) {
        file.insert({ n: each, group: each % 7, text: `line ${each}` });
      }
    });
  }
  engine.flush();
  const [plain, inside, ending]: [Speed[], Speed[], Speed[]] = [[], [], []];
  const starts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(write(engine, file, round));
    engine.flush();
    starts.push(timed(() => engine.startContinuous([path])).ms);
    // The first of them finds nothing in the delta; what follows is as it goes on.
    write(engine, file, round + 1);
    inside.push(write(engine, file, round + 2));
    engine.flush();
    const steps = engine.endingContinuous([path]);
    let isDone = false;
    while (!isDone) {
      // As the requester does it: as much time for the others as a step takes.
      isDone = steps.next().done === true;
      if (!isDone && ending.length <= round) ending.push(write(engine, file, round + 3));
    }
  }
  engine.startContinuous([path]);
  for (let n = 0; n < 30; n++) write(engine, file, n * 31);
  engine.flush();
  const { deltaBytes } = engine.continuous()[0] ?? { deltaBytes: 0 };
  const end = timed(() => engine.endContinuous([path]));
  const backup = join(directory, 'backup');
  mkdirSync(backup);
  const copies = [1, 2, 3].map(() =>
    timed(() => engine.hotCopy([path], backup, { replace: true })),
  );
  const bytes = copies[0]?.result[0]?.bytes ?? 0;
  const rows: Row[] = [
    ...share('writers in continuous operation', inside, plain, 90),
    ...share('writers while it is ended', ending, plain, 60),
    { name: 'startbu of a flushed file', value: median(starts), unit: 'ms', goal: ['<=', 50] },
    ...rates('endbu', deltaBytes, [end], 200),
    ...rates('hotcopy', bytes, copies, 300),
  ];
  engine.stop();
  return rows;
}
