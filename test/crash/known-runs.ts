/**
 * Which crash states need not be run, because the engine would do on them exactly what it did on one
 * that was.
 *
 * The engine in the laboratory draws on nothing but its seed and the disk. So if a file has the name,
 * the size and the inode of one that was run, and the same bytes in every sector that this run read
 * (until it had written them itself), then each of its reads yields the same, and so does everything
 * that follows. It comes back to the same `changeSeq`; that the model has the same for it, and that
 * no more was promised, is looked at for each state.
 *
 * No rule of the file format is believed for that: which sectors count is what was seen to be read,
 * by whichever build of the engine. They are a part of the whole, since pages that no generation maps
 * are not read by anyone, and most of what a crash leaves is such.
 */
import { createHash } from 'node:crypto';
import { FCR, PAGE_SIZES } from '../../src/microkernel/layout.js';
import { FCR_PAGES } from '../../src/microkernel/pat.js';
import {
  SECTOR_SIZE,
  type InputTrace,
  type SectorSet,
  type SimFileSystem,
} from '../support/sim-files.js';
import type { FileModel, FileState } from './world.js';

/** What a run came back to, and what the model had for it. */
interface Outcome {
  readonly changeSeq: number;
  readonly state: string;
}

/** The runs that have read the same sectors. */
interface ReadSet {
  readonly sets: readonly SectorSet[];
  /** By a hash of what was in them. */
  readonly outcomes: Map<string, Outcome>;
}

const stateKeys = new WeakMap<FileState, string>();

/** The same for states that are the same. */
function keyOf(state: FileState): string {
  let key = stateKeys.get(state);
  if (key === undefined) {
    const text = `${state.counter} ${[...state.pages].join()}`;
    key = createHash('sha1').update(text).digest('base64');
    stateKeys.set(state, key);
  }
  return key;
}

/** Runs on files that are alike as far as it can be told cheaply. */
export class RunGroup {
  readonly #readSets = new Map<string, ReadSet>();

  /** Whether one of them has read just what it would read on this disk, and found what it must. */
  covers(disk: SimFileSystem, model: FileModel, least: number): boolean {
    for (const { sets, outcomes } of this.#readSets.values()) {
      const outcome = outcomes.get(disk.hashOfSectors(sets));
      if (outcome === undefined) continue;
      const state = model.states.get(outcome.changeSeq);
      return outcome.changeSeq >= least && state !== undefined && keyOf(state) === outcome.state;
    }
    return false;
  }

  /** A run has come back to this `changeSeq`, and all was well. */
  add(trace: InputTrace, model: FileModel, changeSeq: number): void {
    const state = model.states.get(changeSeq);
    if (!trace.isSound || state === undefined) return;
    const { sets, hash } = trace.result();
    const key = sets.map(({ inode, sectors }) => `${inode}:${sectors.join()}`).join(';');
    let readSet = this.#readSets.get(key);
    if (readSet === undefined) {
      readSet = { sets, outcomes: new Map() };
      this.#readSets.set(key, readSet);
    }
    readSet.outcomes.set(hash, { changeSeq, state: keyOf(state) });
  }
}

/** All runs with one seed. */
export class KnownRuns {
  readonly #groups = new Map<string, RunGroup>();

  /** Where a run on this file belongs; to be asked before it. */
  groupOf(disk: SimFileSystem, path: string): RunGroup {
    const inode = Number(disk.identify(path)?.inode);
    const heads = disk.hashOfSectors([headsOf(disk, inode)]);
    const key = `${path} ${inode} ${disk.sizeOf(inode)} ${heads}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new RunGroup();
      this.#groups.set(key, group);
    }
    return group;
  }
}

/** The control records: what a run reads next follows from them, mostly. */
function headsOf(disk: SimFileSystem, inode: number): SectorSet {
  const claimed = disk.peek(inode, FCR.pageSize);
  const stride = (PAGE_SIZES.includes(claimed) ? claimed : SECTOR_SIZE) / SECTOR_SIZE;
  return { inode, sectors: Array.from({ length: FCR_PAGES }, (_, slot) => slot * stride) };
}
