/**
 * A random life of two archived files under durability, as an engine lives it: single operations and transactions over
 * both, aborted ones, restarts, kills and power cuts, cut logs, named points, backups now and then. Its archival logs are
 * those that the engine has written.
 *
 * The model is what the files hold after each commit; commits are numbered, and have their LSNs.
 */
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  zstring,
  type Client,
  type FileOf,
  type RollForwardOptions,
  type RollForwardResult,
} from '../../src/index.js';
import { archiveEntries, findSegments } from '../../src/archival/archive-reader.js';
import { randomFrom } from '../crash/world.js';
import { worldOf, type LogWorld } from './log-world.js';
import { memoryPorts } from './memory-view.js';
import { SimFileSystem, type CrashPoint } from './sim-files.js';

const Row = defineRecord(
  { n: integer(4), text: zstring(28) },
  { keys: { byN: key('n'), byText: key('text', { duplicates: true, modifiable: true }) } },
);

const ROOT = '/d/root';
export const PATHS: readonly string[] = ['/d/data/a.btr', '/d/data/b.btr'];
const LOGS: Readonly<Record<string, string>> = {
  '/d/data/a.btr': '/d/logs/a.log',
  '/d/data/b.btr': '/d/logs/b.log',
};
const KEY_SPACE = 40;

interface Commit {
  readonly lsn: number;
  /** What each file holds, in the order of each key. */
  readonly texts: readonly string[];
}

interface Backup {
  readonly era: number;
  readonly steps: number;
  readonly commit: number;
  readonly bytes: readonly Uint8Array[];
}

/** From one start of a process to its end: what was asked and answered, by the steps of its disk. */
interface Era {
  readonly points: readonly CrashPoint[];
  /** Both files are open from here on; before that, the first time, there are no logs. */
  from: number;
  readonly begun: number[];
  readonly answered: number[];
  /** Commits before it. */
  readonly base: number;
}

type Files = readonly FileOf<typeof Row>[];

export class ArchivedLife {
  readonly random: () => number;
  readonly commits: Commit[] = [];
  readonly #backups: Backup[] = [];
  readonly #eras: Era[] = [];
  readonly #seed: number;
  #seeds = 0;
  #world: LogWorld;
  #engine: MicroKernel | undefined;
  #client: Client | undefined;
  #files: Files = [];
  #model: Map<number, string>[] = PATHS.map(() => new Map<number, string>());
  #names = 0;
  /** Commits after which a point was named. */
  readonly #named = new Map<string, number>();
  #time = Date.UTC(2026, 0, 31);

  constructor(seed: number) {
    this.#seed = seed;
    this.random = randomFrom(seed);
    const disk = new SimFileSystem({ seed, checkMemory: false });
    const directories = ['/d', '/d/data', '/d/logs', ROOT, `${ROOT}/blog`];
    for (const path of directories) disk.makeDirectory(path);
    for (const path of ['/', ...directories]) disk.syncDirectory(path);
    const entries = PATHS.map((path) => `${path}=${LOGS[path] ?? ''}\n`).join('');
    const bytes = new TextEncoder().encode(entries);
    const blog = disk.open(`${ROOT}/blog/blog.cfg`, 'create');
    blog.write(bytes, 0, bytes.length, 0);
    blog.sync();
    blog.close();
    disk.syncDirectory(`${ROOT}/blog`);
    this.#world = worldOf(disk);
    const engine = this.start(this.#world, true);
    for (const path of PATHS) engine.client().createFile(path, Row);
    engine.stop();
    this.commits.push({ lsn: 0, texts: this.#texts() });
    this.#begin();
    this.backup();
  }

  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  /** An engine on a disk, with random bytes of its own. */
  start(world: LogWorld, isArchiving: boolean): MicroKernel {
    const { random } = memoryPorts(this.#seed * 1000 + ++this.#seeds);
    const clock = { ...world.ports.clock, now: () => (this.#time += 1000) };
    return MicroKernel.start({
      root: ROOT,
      ports: { ...world.ports, random, clock },
      settings: {
        archivalLoggingSelectedFiles: isArchiving,
        transactionDurability: true,
        operationBundleLimit: 5,
        cacheAllocationSize: 1024 * 1024,
      },
      archive: { logFor: (path: string) => LOGS[path] },
    });
  }

  /** A process begins; everything is recorded from here on. */
  #begin(): void {
    const { points } = this.#world.disk.record();
    this.#eras.push({ points, from: 0, begun: [], answered: [], base: this.commits.length - 1 });
    this.#engine = this.start(this.#world, true);
    const client = this.#engine.client({ name: 'life' });
    this.#client = client;
    this.#files = PATHS.map((path) => client.openFile(path, Row));
    if (this.#eras.length === 1) this.#era.from = this.#world.disk.steps;
  }

  get #era(): Era {
    const era = this.#eras.at(-1);
    if (era === undefined) throw new Error('no process runs');
    return era;
  }

  live(steps: number): this {
    for (let n = 0; n < steps; n++) this.#step();
    this.#engine?.stop();
    return this;
  }

  #step(): void {
    const chance = this.pick(100);
    if (chance < 45) this.#operation();
    else if (chance < 76) this.#transaction(chance >= 73);
    else if (chance < 82) for (const file of this.#files) file.flush();
    else if (chance < 89) this.backup();
    else if (chance < 92) this.#engine?.archiveCut(PATHS[this.pick(2)] ?? '');
    else if (chance < 95) this.#mark();
    else this.#end(chance);
  }

  #end(chance: number): void {
    const { disk } = this.#world;
    if (chance < 96) this.#engine?.stop();
    const image = disk.crashPoint().imageWith(() => chance < 98 || this.pick(2) === 0);
    this.#engine?.stopQuietly();
    this.#world = worldOf(chance < 96 ? disk : image);
    this.#begin();
  }

  #mark(): void {
    const name = `point ${++this.#names}`;
    this.#engine?.archiveMark(undefined, name);
    this.#named.set(name, this.commits.length - 1);
  }

  #operation(): void {
    this.#commit(() => this.#change(this.pick(2)));
  }

  #transaction(isAborted: boolean): void {
    const before = this.#model.map((each) => new Map(each));
    const count = 1 + this.pick(4);
    const work = (): void => {
      for (let n = 0; n < count; n++) this.#change(this.pick(2));
    };
    if (!isAborted) {
      this.#commit(() => this.#client?.transaction(work));
      return;
    }
    try {
      this.#client?.transaction(() => {
        work();
        throw new Abort();
      });
    } catch (error) {
      if (!(error instanceof Abort)) throw error;
    }
    this.#model = before;
  }

  #commit(work: () => void): void {
    const before = this.#lsn;
    this.#era.begun.push(this.#world.disk.steps);
    work();
    // Nothing may have been changed: a record that was not there.
    if (this.#lsn === before) {
      this.#era.begun.pop();
      return;
    }
    this.#era.answered.push(this.#world.disk.steps);
    this.commits.push({ lsn: this.#lsn, texts: this.#texts() });
  }

  get #lsn(): number {
    return Number(this.#engine?.statistics().log.lastLsn ?? 0);
  }

  #change(index: number): void {
    const [file, model] = [this.#files[index], this.#model[index]];
    if (file === undefined || model === undefined) return;
    const n = this.pick(KEY_SPACE);
    const text = `text ${this.pick(8)}`;
    if (!model.has(n)) {
      file.insert({ n, text });
      model.set(n, text);
    } else if (this.pick(3) === 0) {
      file.delete('byN', n);
      model.delete(n);
    } else if (model.get(n) !== text) {
      file.update('byN', n, { text });
      model.set(n, text);
    }
  }

  #texts(): string[] {
    return this.#model.map((model) => {
      const rows = [...model].sort(([a], [b]) => a - b);
      const byText = rows.map(([, text]) => text).sort();
      return `${rows.map(([n, text]) => `${n}=${text}`).join()} | ${byText.join()} | ${rows.length}`;
    });
  }

  /** Both files as they lie there, in use or not. */
  backup(): void {
    const { disk } = this.#world;
    const bytes = PATHS.map((path) => disk.snapshotFile(path));
    const era = this.#eras.length - 1;
    const commit = this.commits.length - 1;
    this.#backups.push({ era, steps: disk.steps, commit, bytes });
  }

  /** The disk at a random moment, with the data lost and the backups put back; and what must be there, at least and most. */
  lostAtRandom(): { world: LogWorld; least: number; most: number } {
    const pointsOf = (each: Era): CrashPoint[] =>
      each.points.filter(({ steps }) => steps >= each.from);
    const eras = this.#eras.filter((each) => pointsOf(each).length > 0);
    const era = eras[this.pick(eras.length)] ?? this.#era;
    const points = pointsOf(era);
    const point = points[this.pick(points.length)];
    if (point === undefined) throw new Error('there is no such moment');
    const isKept = this.pick(3) === 0;
    const disk = point.imageWith(() => isKept || this.pick(2) === 0);
    const number = this.#eras.indexOf(era);
    const before = this.#backups.filter(
      (each) => each.era < number || (each.era === number && each.steps <= point.steps),
    );
    const backups = before.length === 0 ? this.#backups.slice(0, 1) : before;
    const world = worldOf(disk);
    for (const index of PATHS.keys())
      this.#putBack(disk, index, backups[this.pick(backups.length)]);
    const upTo = (steps: readonly number[]): number =>
      era.base + steps.filter((each) => each <= point.steps).length;
    return { world, least: upTo(era.answered), most: upTo(era.begun) };
  }

  #putBack(disk: SimFileSystem, index: number, backup: Backup | undefined): void {
    const [path, bytes] = [PATHS[index], backup?.bytes[index]];
    if (path === undefined || bytes === undefined) throw new Error('there is no such backup');
    if (disk.exists(path)) disk.remove(path);
    disk.putFile(path, bytes);
  }

  /** The end of its life, to roll forward on again and again. */
  get end(): LogWorld {
    return worldOf(this.#world.disk.processDeath());
  }

  /** Puts back one of the backups for each file, and chooses where to go from there. */
  aim({ disk }: LogWorld): { until: string | undefined; commit: number } {
    const chosen = PATHS.map(() => this.#backups[this.pick(this.#backups.length)]);
    for (const [index, backup] of chosen.entries()) this.#putBack(disk, index, backup);
    const least = Math.max(...chosen.map((each) => each?.commit ?? 0));
    const last = this.commits.length - 1;
    const kind = this.pick(5);
    const commit = least + this.pick(last - least + 1);
    const lsn = this.commits[commit]?.lsn ?? 0;
    if (kind === 0 || commit === 0) return { until: undefined, commit: last };
    if (kind === 1) return this.#aimAtName(least) ?? { until: `lsn:${lsn}`, commit };
    if (kind === 2 && commit < last) {
      return { until: `before-tx:${this.commits[commit + 1]?.lsn ?? 0}`, commit };
    }
    if (kind === 3) return this.#aimAtTime(disk, least, commit) ?? { until: `lsn:${lsn}`, commit };
    return { until: `lsn:${lsn}`, commit };
  }

  #aimAtName(least: number): { until: string; commit: number } | undefined {
    const names = [...this.#named].filter(([, commit]) => commit > least);
    const [name, commit] = names[this.pick(names.length)] ?? [];
    return name === undefined || commit === undefined
      ? undefined
      : { until: `name:${name}`, commit };
  }

  /** A transaction is there if all of its parts are: each log has its own time for it. */
  #aimAtTime(disk: SimFileSystem, least: number, commit: number) {
    const times = new Map<number, number>();
    for (const path of PATHS) {
      for (const segment of findSegments(disk, LOGS[path] ?? '')) {
        for (const entry of archiveEntries(disk, segment)) {
          if (entry.kind !== 'transaction') continue;
          times.set(entry.lsn, Math.max(times.get(entry.lsn) ?? 0, entry.time));
        }
      }
    }
    const timeOf = (index: number): number | undefined => times.get(this.commits[index]?.lsn ?? -1);
    const at = timeOf(commit);
    const previous = timeOf(least);
    if (at === undefined || (previous !== undefined && previous > at)) return undefined;
    let reached = commit;
    while (reached + 1 < this.commits.length && (timeOf(reached + 1) ?? Infinity) <= at) reached++;
    return { until: new Date(at).toISOString(), commit: reached };
  }
}

class Abort extends Error {}

/** What the files hold, in the order of each key, as the model says it. */
export function contentOf(client: Client): string[] {
  return PATHS.map((path) => {
    const file = client.openFile(path, Row);
    const rows = [...file.scan('byN')].map(({ n, text }) => `${n}=${text}`);
    const byText = [...file.scan('byText')].map(({ text }) => text);
    const text = `${rows.join()} | ${byText.join()} | ${file.count}`;
    file.close();
    return text;
  });
}

/** Throws what any of the files was refused for. */
export function rolled(engine: MicroKernel, options: RollForwardOptions): RollForwardResult {
  const result = engine.rollForward(PATHS, options);
  const bad = result.files.find(({ outcome }) => outcome === 'refused' || outcome === 'failed');
  if (bad !== undefined) throw new Error(`${bad.outcome}: ${bad.file}: ${bad.message ?? ''}`);
  return result;
}
