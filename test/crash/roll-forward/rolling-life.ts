/**
 * Random lives of some files: operations and transactions, crashes, restarts, indexes made and dropped, backups
 * now and then; and what is to be had of them afterwards by backups, archival logs and the transaction log.
 *
 * The model is that of the transaction log (`log-model.ts`): what the files hold after every commit.
 */
import { encodeDefinition } from '../../../src/microkernel/definition/definition-codec.js';
import { lookAtFile } from '../../../src/logging/file-standing.js';
import type { MicroKernel, RollForwardOptions, RollForwardResult } from '../../../src/index.js';
import { ArchiveRecorder } from '../../support/archive-recorder.js';
import { SimFileSystem } from '../../support/sim-files.js';
import { History } from '../log/log-model.js';
import { DIRECTORY, FIXED, LogPlayer, ROOMY, ROOT, type LogClient } from '../log/log-player.js';
import { randomFrom } from '../world.js';

const SETTINGS = { transactionDurability: true, operationBundleLimit: 7 };
export const PATHS = ['a', 'b', 'roomy'].map((name) => `${DIRECTORY}/${name}.btr`);

function logOf(path: string): string {
  return path.replace(/btr$/, 'log');
}

interface Backup {
  readonly bytes: Uint8Array;
  readonly changeSeq: number;
}

/** A point to roll forward to, and the commit after which the files are then. */
export interface Aim {
  readonly until: string | undefined;
  readonly commit: number;
}

export class RollingLife {
  player: LogPlayer;
  readonly recorder = new ArchiveRecorder(ROOT);
  readonly random: () => number;
  readonly #backups = new Map<string, Backup>();
  readonly #seed: number;
  #client: LogClient | undefined;
  #deaths = 0;

  constructor(seed: number, paths: readonly string[] = PATHS) {
    this.#seed = seed;
    this.random = randomFrom(seed);
    const disk = new SimFileSystem({ seed, checkMemory: false });
    disk.makeDirectory(DIRECTORY);
    disk.syncDirectory('/');
    this.player = new LogPlayer(disk, new History(), { seed, settings: SETTINGS });
    for (const path of paths) this.player.create(path, path.includes('roomy') ? ROOMY : FIXED);
    for (const path of paths) this.backup(path);
  }

  get paths(): string[] {
    return [...this.#backups.keys()];
  }

  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  get client(): LogClient {
    if (this.#client === undefined) {
      this.#client = this.player.client('life');
      for (const path of this.paths) this.#client.open(path);
    }
    return this.#client;
  }

  #anyPath(): string {
    return this.paths[this.pick(this.paths.length)] ?? '';
  }

  live(steps: number): this {
    for (let n = 0; n < steps; n++) {
      this.#step();
      this.recorder.pull(this.player.disk);
    }
    return this;
  }

  #step(): void {
    const chance = this.pick(100);
    if (chance < 45) this.client.anything(this.#anyPath());
    else if (chance < 75) this.#transaction(chance > 72);
    else if (chance < 80) this.player.complete();
    else if (chance < 88) this.backup(this.#anyPath());
    else if (chance < 92) this.#restart();
    else if (chance < 96) this.#dieOrNot();
    else this.#restructure(this.#anyPath());
  }

  #transaction(isAborted: boolean): void {
    this.client.begin();
    const count = 1 + this.pick(5);
    for (let n = 0; n < count; n++) this.client.anything(this.#anyPath());
    if (isAborted) this.client.abort();
    else this.client.end();
  }

  #restart(): void {
    this.#client = undefined;
    this.player.stop();
  }

  /** The clock of a new process begins anew: some lives go on in one, so that times mean something. */
  #dieOrNot(): void {
    if (this.#seed % 2 === 0) this.player.complete();
    else this.#die();
  }

  /** The process is killed; what it has written stays. */
  #die(): void {
    const { player } = this;
    const { history } = player;
    const dead = player.disk.processDeath();
    player.abandon();
    history.rebase(player.disk.steps);
    this.#client = undefined;
    const seed = this.#seed + 1000 * ++this.#deaths;
    this.player = new LogPlayer(dead, history, { seed, settings: SETTINGS, first: dead.steps });
  }

  #restructure(path: string): void {
    const has = this.player.history.state(path).keys.some(({ number }) => number === 3);
    if (has) this.client.dropIndex(path, 3);
    else this.client.createIndex(path);
    this.recorder.pull(this.player.disk);
    const { files } = this.client.client.internals.files;
    const file = files.find(({ pages }) => pages.path === path);
    if (file === undefined) throw new Error(`${path} is not open`);
    const { uuid, timeline, changeSeq } = file.pages.control;
    const time = this.recorder.lastTime;
    this.recorder.structure(uuid, timeline, {
      ...{ changeSeq, lsn: this.recorder.lastLsn, time, client: 'life', key: new Uint8Array(0) },
      what: has ? 'drop-index' : 'create-index',
      keyNumber: 3,
      data: new Uint8Array(0),
      definition: encodeDefinition(file.stored),
    });
  }

  /** The file as it lies there, in use or not. */
  backup(path: string): void {
    const handle = this.player.disk.open(path, 'read');
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0, bytes.length, 0);
    handle.close();
    const { changeSeq } = lookAtFile(this.player.disk, path);
    this.#backups.set(path, { bytes, changeSeq });
  }

  #recordOf(path: string) {
    const { uuid, timeline } = lookAtFile(this.player.disk, path);
    return this.recorder.fileOf(uuid, timeline);
  }

  /** The machine's disk, of which the data files are lost: what was synced, backups, and archival logs. */
  lost(isPowerCut: boolean, cutsArchive: boolean): SimFileSystem {
    const { disk } = this.player;
    const left = isPowerCut ? disk.powerCut() : disk.processDeath();
    for (const [path, { bytes }] of this.#backups) {
      const record = this.#recordOf(path);
      const held = lookAtFile(disk, path).changeSeq;
      // The archive has what the file has; beyond that, something or nothing.
      const more = record.entries.map(({ changeSeq }) => changeSeq).filter((each) => each > held);
      const upTo = cutsArchive ? (more[this.pick(more.length + 1) - 1] ?? held) : Infinity;
      this.recorder.write(left, logOf(path), record, { upTo, perFrame: 1 + this.pick(9) });
      if (left.exists(path)) left.remove(path);
      const handle = left.open(path, 'create');
      handle.write(bytes, 0, bytes.length, 0);
      handle.sync();
      handle.close();
    }
    left.syncDirectory(DIRECTORY);
    return left;
  }

  /** LSNs that all backups can be rolled forward to. */
  #reachable(): number[] {
    const lsns = new Set<number>();
    let least = 0;
    for (const [path, { changeSeq }] of this.#backups) {
      for (const { changeSeq: each, one } of this.#recordOf(path).entries) {
        if (one.kind === 'mark') continue;
        if (each <= changeSeq) least = Math.max(least, one.lsn);
        lsns.add(one.lsn);
      }
    }
    return [...lsns].filter((lsn) => lsn >= least && lsn > 0).sort((a, b) => a - b);
  }

  get #commits() {
    return this.player.history.commits;
  }

  /** Of one of four kinds: 0 the end, 1 a transaction, 2 just before one, 3 a time. */
  aim(kind = this.pick(4)): Aim {
    const lsns = this.#reachable();
    const lsn = lsns[this.pick(lsns.length)];
    const last = this.player.history.last;
    if (kind === 0 || lsn === undefined) return { until: undefined, commit: last };
    const before = (limit: number): number => {
      const next = this.#commits.findIndex((commit) => commit.lsn >= limit);
      return next < 0 ? last : next - 1;
    };
    if (kind === 1 || lsn === lsns[0]) return { until: `lsn:${lsn}`, commit: before(lsn + 1) };
    if (kind === 2) return { until: `before-tx:${lsn}`, commit: before(lsn) };
    return this.#aimAtTime(lsn, before);
  }

  #aimAtTime(lsn: number, before: (limit: number) => number): Aim {
    const times = new Map<number, number>();
    for (const { entries } of this.recorder.files.values()) {
      for (const { one } of entries) if (one.kind === 'transaction') times.set(one.lsn, one.time);
    }
    const inOrder = [...times].sort(([a], [b]) => a - b).map(([, time]) => time);
    const isSet = inOrder.some((time, index) => time < (inOrder[index - 1] ?? 0));
    if (isSet) return { until: `before-tx:${lsn}`, commit: before(lsn) };
    const at = times.get(lsn) ?? 0;
    const later = [...times].filter(([, time]) => time > at).map(([each]) => each);
    const commit = later.length === 0 ? this.player.history.last : before(Math.min(...later));
    return { until: new Date(at).toISOString(), commit };
  }
}

/** An engine on a disk, for rolling forward and for looking at what has come of it. */
export function playerOn(disk: SimFileSystem, life: RollingLife, seed: number): LogPlayer {
  const { history } = life.player;
  return new LogPlayer(disk, history, { seed, settings: SETTINGS, first: disk.steps });
}

export function rollForward(
  engine: MicroKernel,
  paths: readonly string[],
  options: RollForwardOptions,
): RollForwardResult {
  const result = engine.rollForward(paths, options);
  const bad = result.files.find(({ outcome }) => outcome === 'refused' || outcome === 'failed');
  if (bad !== undefined) throw new Error(`${bad.outcome}: ${bad.file}: ${bad.message}`);
  return result;
}

/** Throws unless each file is as after a commit. */
export function assertAsAfter(player: LogPlayer, life: RollingLife, commit: number): void {
  const { commits } = life.player.history;
  for (const path of life.paths) {
    const found = player.dump(path);
    const wanted = commits[commit]?.files.get(path)?.text;
    if (found === wanted) continue;
    const others = commits.flatMap(({ files }, number) =>
      files.get(path)?.text === found ? [number] : [],
    );
    const as = others.length === 0 ? 'no commit' : `commit ${others[0]} to ${others.at(-1)}`;
    throw new Error(
      `${path} is as after ${as}, and not as after ${commit} (of ${commits.length - 1})`,
    );
  }
}
