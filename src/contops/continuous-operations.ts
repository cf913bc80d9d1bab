/**
 * Continuous operation: data files are frozen, so that any tool can copy them, while their changes go to
 * deltas; and taken out again.
 *
 * Invariants:
 * - All files of a call are put in at one moment, or none: writing the list of the root is that moment.
 * - The data file does not change by one byte from then on until it is taken out.
 * - What a crash interrupts is ended by the next opening of the file, without an operator.
 *
 * Source: Btrieve API Guide, Continuous Operation; Advanced Operations Guide, Continuous Operations.
 */
import { dirname, join, resolve } from 'node:path';
import {
  createDelta,
  deltaPathOf,
  findFrozen,
  frozenMark,
  isUnused,
  placeOfFile,
  readDeltaHeader,
  stemOf,
  type DeltaHeader,
  type FrozenState,
} from '../microkernel/continuous/delta-file.js';
import { isDeltaDamage } from '../microkernel/continuous/delta-proof.js';
import { OverlayHandle } from '../microkernel/continuous/overlay-handle.js';
import { restoreFrozen } from '../microkernel/continuous/restore-frozen.js';
import { DiskError } from '../microkernel/disk-error.js';
import { isDataFile } from '../microkernel/fcr-choice.js';
import type { ContinuousUse, FileTable } from '../microkernel/files/file-table.js';
import { isForWantOfRoom, type OpenFile } from '../microkernel/files/open-file.js';
import { closeQuietly, fileError } from '../microkernel/page-device.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { PageFile } from '../microkernel/page-file.js';
import type { FileHandle, FileSystem, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { type ActiveFile, type ActiveSets } from './active-sets.js';
import { standingOf, type DeltaFileSystem } from './delta-files.js';
import {
  assertNotFrozenAt,
  elsewhere,
  entryOfSet,
  findElsewhere,
  inElsewhere,
  markOf,
} from './frozen-mark.js';

/** How files are put into continuous operation. */
export interface StartContinuousOptions {
  /** Who does it: `/A` of butil ends what butil put in. Default: `api`. */
  readonly by?: string;
  /** Owner name, for encrypted files that nobody has open. */
  readonly owner?: string;
  /** What is being made of each of them. */
  readonly copies?: readonly string[];
}

/** How files are taken out of continuous operation. */
export interface EndContinuousOptions {
  /** Of all files, only those that this one put in. */
  readonly by?: string;
  /** Gives up what was changed since the start: the frozen file is the file. */
  readonly discard?: boolean;
  readonly owner?: string;
}

/** A file in continuous operation. */
export interface ContinuousFile {
  readonly file: string;
  readonly delta: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly by: string;
  readonly set: string;
  /** `missing`, `damaged`: its delta is, so it cannot be opened; `replaced`: another file is in its place. */
  readonly state: 'active' | 'ending' | 'missing' | 'damaged' | 'replaced';
  /** Length of the delta, holes included. */
  readonly deltaBytes: number;
  /** The same in pages. */
  readonly deltaPages: number;
  /** By how many bytes the file has grown since, if its delta counts and can be read. */
  readonly growthBytes?: number;
  /** The same in pages. */
  readonly grownPages?: number;
  /** How far rolling it in is, in the pass under way; while it is being taken out. */
  readonly ending?: RollInState;
  /** Why it could not be taken out, if that was last tried by this engine. */
  readonly failure?: string;
}

/** How far taking a file out is. */
export interface RollInState {
  /** Pages. */
  readonly done: number;
  readonly total: number;
  /** ISO 8601, UTC: when it was begun. */
  readonly since: string;
  readonly bytesPerSecond: number;
}

/** What became of one file. */
export interface EndedFile {
  readonly file: string;
  readonly outcome: 'rolled-in' | 'discarded';
  readonly deltaBytes: number;
}

/** How far taking files out is. */
export interface EndingProgress {
  readonly file: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export interface ContinuousParts {
  readonly root: string;
  readonly ports: Ports;
  /** The disk as it is, without deltas laid over anything. */
  readonly disk: FileSystem;
  readonly laidOver: DeltaFileSystem;
  readonly sets: ActiveSets;
  readonly table: () => FileTable;
  /** Whether a file has an archival log. */
  readonly isArchived: (path: string) => boolean;
  /** Whether it may be put in all the same. */
  readonly allowsArchived: () => boolean;
  /** A file was opened that was not open before. */
  readonly onOpened?: (path: string) => void;
}

interface Started {
  readonly path: string;
  readonly copy: string | undefined;
  readonly file: OpenFile;
  frozen?: FrozenState;
  header?: DeltaHeader;
  delta?: FileHandle;
}

export class ContinuousOperations implements ContinuousUse {
  readonly #parts: ContinuousParts;
  /** Being rolled in by somebody just now. */
  readonly #busy = new Set<string>();
  readonly #endings = new Map<string, RollInState>();
  /** By path, why the last try to take it out has failed. */
  readonly #failures = new Map<string, string>();

  constructor(parts: ContinuousParts) {
    this.#parts = parts;
  }

  // -------------------------------------------------------------------------------------------
  // Putting files in

  /**
   * Throws, with nothing changed: 12, 30, 46, 51, 94 as opening does; 85 (the rule of names, an archived
   * file, a delta that is there), 88 (a file that is in), 160 (no file), 18, 2.
   */
  start(
    paths: readonly string[],
    { by = 'api', owner = '', copies = [] }: StartContinuousOptions = {},
    mayBeArchived = this.#parts.allowsArchived(),
  ): ContinuousFile[] {
    const places = paths.map((path) => this.placeOf(path));
    if (places.length === 0)
      throw refused(Status.INVALID_PARAMETER_TO_MKDE, 'no file is named', '', 'no-file');
    for (const path of places) this.#checkPlace(path, places, mayBeArchived);
    if (!mayBeArchived) for (const path of paths) this.#assertNotArchived(resolve(path));
    const started: Started[] = [];
    try {
      for (const [at, path] of places.entries())
        started.push({ path, copy: copies[at], file: this.#open(path, owner) });
      this.#freeze(started, by);
    } finally {
      for (const { file } of started) this.#close(file);
    }
    return this.list().filter(({ file }) => places.includes(file));
  }

  /** Where a file lies that may be called by a link; a path that names nothing stays as it is. */
  placeOf(path: string): string {
    const place = resolve(path);
    return look(place, () => placeOfFile(this.#parts.disk, place));
  }

  /** Why a file cannot be put in, as far as its place says so; undefined if that does not. */
  refusalOf(path: string, all: readonly string[]): BtrieveError | undefined {
    try {
      this.#checkPlace(path, all, this.#parts.allowsArchived());
      return undefined;
    } catch (error) {
      if (error instanceof BtrieveError) return error;
      throw error;
    }
  }

  #checkPlace(path: string, all: readonly string[], mayBeArchived: boolean): void {
    const { disk, laidOver } = this.#parts;
    if (laidOver.find(path) !== undefined) {
      throw refused(
        Status.INCOMPATIBLE_MODE_ERROR,
        'the file is in continuous operation',
        path,
        'continuous',
      );
    }
    if (!look(path, () => disk.exists(path))) {
      throw refused(Status.FILE_NOT_FOUND, 'there is no such file', path, 'ENOENT');
    }
    if (!mayBeArchived) this.#assertNotArchived(path);
    const delta = deltaPathOf(path);
    if (delta === path || look(path, () => disk.exists(delta))) {
      const message = `${delta} is in the way: remove it if it is of no use, and else end its continuous operation`;
      throw refused(Status.FILE_INUSE, message, path, 'delta-exists');
    }
    const other = all.find((each, at) => deltaPathOf(each) === delta && all.indexOf(path) !== at);
    const sibling = other ?? this.#siblingOf(path);
    if (sibling === undefined && all.indexOf(path) === all.lastIndexOf(path)) return;
    const message = `${sibling ?? path} differs from it in the extension only, so that both would have one delta: rename one of them, or move it to another directory`;
    throw refused(Status.FILE_INUSE, message, path, 'same-name');
  }

  #assertNotArchived(path: string): void {
    if (!this.#parts.isArchived(path)) return;
    const message =
      'the file has an archival log; the setting continuousOperationsWithArchivalLogging allows both';
    throw refused(Status.FILE_INUSE, message, path, 'archived');
  }

  /** Another data file in the directory whose delta would have the same name. */
  #siblingOf(path: string): string | undefined {
    const { disk } = this.#parts;
    const directory = dirname(path);
    const stem = stemOf(path);
    return look(path, () => disk.list(directory))
      .map((name) => join(directory, name))
      .find((each) => each !== path && stemOf(each) === stem && this.#isDataFile(each));
  }

  #isDataFile(path: string): boolean {
    const { disk } = this.#parts;
    try {
      const handle = disk.open(path, 'read');
      try {
        return isDataFile(handle);
      } finally {
        handle.close();
      }
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  #open(path: string, owner: string): OpenFile {
    const wanted = { isExclusive: false, readOnly: false, isUnlogged: true, isIdle: true, owner };
    return this.#parts.table().open(path, wanted);
  }

  #close(file: OpenFile): void {
    this.#parts.table().closeIdle(file);
  }

  #freeze(started: readonly Started[], by: string): void {
    const { ports, root, sets } = this.#parts;
    const set = new Uint8Array(16);
    ports.random.fill(set);
    const since = Math.max(0, Math.floor(ports.clock.now()));
    for (const each of started) each.frozen = each.file.pages.freeze(markOf(root));
    const before = sets.all;
    let [at] = started;
    try {
      for (const each of started) {
        at = each;
        this.#makeDelta(each, { by, since, set, root });
      }
      for (const directory of new Set(started.map(({ path }) => dirname(path)))) {
        this.#parts.disk.syncDirectory(directory);
      }
      sets.set([...before, ...started.map((each) => entryOf(each))]);
    } catch (error) {
      this.#undo(started, before);
      throw fileError('the file cannot be put into continuous operation', error, at?.path ?? '');
    }
    for (const each of started) layOver(each);
    for (const { path } of started) {
      this.#tell(
        'I',
        'continuous-started',
        { file: path, by },
        'The file is in continuous operation.',
      );
    }
  }

  #makeDelta(each: Started, given: Pick<DeltaHeader, 'by' | 'since' | 'set' | 'root'>): void {
    const { disk } = this.#parts;
    const { path, file, frozen } = each;
    if (frozen === undefined) return;
    const { pageSize, uuid, timeline, generation } = frozen.control;
    const header = {
      ...given,
      pageSize,
      uuid,
      timeline,
      generation,
      frozenMark: frozenMark(frozen.control),
    };
    each.header = header;
    each.delta = createDelta(disk, file.pages.handle, deltaPathOf(path), header);
  }

  /** As if nothing had happened; what cannot be removed now is recognised at the next opening. */
  #undo(started: readonly Started[], before: readonly ActiveFile[]): void {
    const { disk, sets } = this.#parts;
    try {
      sets.set(before);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    for (const { path, delta } of started) {
      if (delta === undefined) continue;
      closeQuietly(delta);
      try {
        disk.remove(deltaPathOf(path));
        disk.syncDirectory(dirname(path));
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
    }
  }

  // -------------------------------------------------------------------------------------------
  // Taking files out

  /**
   * Takes files out, one after the other, in steps between which others may work in them. Throws 41 (a
   * file is not in), before anything is done; 12, 51, 94 as opening does; 18 (the disk has no room: the file
   * stays in); 2 (its delta is missing; or has a damaged page, reason `delta-damaged`: the file stays in; or writing
   * failed: it is taken out when it is next opened); 85
   * (it is being taken out, or to be discarded and open).
   */
  *ending(
    which: readonly string[] | 'all',
    { by, discard = false, owner = '' }: EndContinuousOptions = {},
  ): Generator<EndingProgress, EndedFile[], void> {
    const entries =
      which === 'all'
        ? this.#parts.sets.all.filter((each) => by === undefined || each.by === by)
        : which.map((path) => this.#entryAt(path));
    const ended: EndedFile[] = [];
    for (const entry of entries) {
      ended.push(discard ? this.#discard(entry) : yield* this.#end(entry, owner));
    }
    return ended;
  }

  /** Of some files, those that `by` has put in, and whose end a kill has interrupted, are taken out. Throws like `ending`. */
  *endingInterrupted(
    paths: readonly string[],
    { by, owner = '' }: EndContinuousOptions,
  ): Generator<EndingProgress, void, void> {
    for (const path of paths) {
      const entry = this.#parts.laidOver.find(resolve(path));
      if (entry?.state !== 'ending' || entry.by !== by || this.#busy.has(entry.path)) continue;
      yield* this.#end(entry, owner);
    }
  }

  /** The same at once. */
  end(which: readonly string[] | 'all', options: EndContinuousOptions = {}): EndedFile[] {
    const steps = this.ending(which, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  #entryAt(path: string): ActiveFile {
    const place = resolve(path);
    const entry = this.#parts.laidOver.find(place);
    if (entry !== undefined) return entry;
    throw refused(
      Status.OPERATION_NOT_ALLOWED,
      'the file is not in continuous operation',
      place,
      'not-continuous',
    );
  }

  *#end(entry: ActiveFile, owner: string): Generator<EndingProgress, EndedFile, void> {
    const { path } = entry;
    const deltaBytes = this.#deltaBytes(path);
    if (this.#busy.has(path))
      throw refused(Status.FILE_INUSE, 'the file is being taken out', path, 'ending');
    // Of a file that a crash has left half way, opening does it all.
    const file = this.#open(path, owner);
    try {
      if (file.pages.overlay !== undefined) yield* this.#rollIn(file, entry);
      else if (this.#isListed(path)) this.#endWithoutDelta(entry);
    } finally {
      this.#close(file);
    }
    return { file: path, outcome: 'rolled-in', deltaBytes };
  }

  #isListed(path: string): boolean {
    return this.#parts.sets.all.some((each) => each.path === path);
  }

  *#rollIn(file: OpenFile, { path }: ActiveFile): Generator<EndingProgress, void, void> {
    const { disk, sets } = this.#parts;
    const delta = deltaPathOf(path);
    this.#busy.add(path);
    // Ended early, or without room, it stays in.
    let staysIn = true;
    this.#failures.delete(path);
    const { clock } = this.#parts.ports;
    const begin = { at: clock.now(), monotonic: clock.monotonic(), pages: 0 };
    try {
      sets.change(path, 'ending');
      const steps = file.pages.rollIn(() => {
        disk.remove(delta);
        disk.syncDirectory(dirname(delta));
      });
      for (;;) {
        const step = steps.next();
        if (step.done === true) break;
        this.#noteProgress(file, step.value, begin);
        yield { file: path, ...step.value, unit: 'pages' };
      }
      staysIn = false;
    } catch (error) {
      this.#failures.set(path, textOf(error));
      staysIn = isForWantOfRoom(error) || (isDeltaDamage(error) && this.#isFrozen(path));
      throw fileError('the file cannot be taken out of continuous operation', error, path);
    } finally {
      this.#busy.delete(path);
      this.#endings.delete(path);
      if (staysIn) sets.change(path, 'active');
    }
    sets.remove(path);
    this.#tell(
      'I',
      'continuous-ended',
      { file: path },
      'Its delta was rolled in; the file is in continuous operation no more.',
    );
  }

  /** `begin`: when it was begun, and how many pages the passes before have had. */
  #noteProgress(
    { pages }: OpenFile,
    { done, total }: { readonly done: number; readonly total: number },
    begin: { readonly at: number; readonly monotonic: number; pages: number },
  ): void {
    const before = this.#endings.get(pages.path);
    if (before !== undefined && done < before.done) begin.pages += before.done;
    const seconds = (this.#parts.ports.clock.monotonic() - begin.monotonic) / 1000;
    const bytes = (begin.pages + done) * pages.pageSize;
    this.#endings.set(pages.path, {
      ...{ done, total, since: new Date(begin.at).toISOString() },
      bytesPerSecond: seconds > 0 ? Math.round(bytes / seconds) : 0,
    });
  }

  /** Whether nothing of its delta counts in a data file yet. */
  #isFrozen(path: string): boolean {
    const entry = this.#parts.laidOver.find(path);
    return entry !== undefined && this.#standing(entry) === 'frozen';
  }

  /** Opening it has not applied a delta: it was rolled in, or another file is in its place. */
  #endWithoutDelta(entry: ActiveFile): void {
    const { disk, sets } = this.#parts;
    const { path, state } = entry;
    if (state === 'ending' && !disk.exists(deltaPathOf(path))) {
      sets.remove(path);
      return;
    }
    const message =
      'another file, or another state of it, is in the place of the one that was put in, so its delta is not ' +
      'applied; put the file back, or give up the delta: butil -endbu <file> --discard --yes';
    throw refused(Status.FILE_INUSE, message, path, 'replaced');
  }

  #discard(entry: ActiveFile): EndedFile {
    const { disk, sets, table } = this.#parts;
    const { path } = entry;
    const delta = deltaPathOf(path);
    const deltaBytes = this.#deltaBytes(path);
    if (this.#busy.has(path))
      throw refused(Status.FILE_INUSE, 'the file is being taken out', path, 'ending');
    table().assertNotOpen(path);
    try {
      if (disk.exists(path)) this.#restore(entry);
      if (disk.exists(delta)) disk.remove(delta);
      disk.syncDirectory(dirname(delta));
      sets.remove(path);
    } catch (error) {
      throw fileError('the changes cannot be given up', error, path);
    }
    const text = 'What was changed in continuous operation was given up.';
    this.#tell('W', 'continuous-discarded', { file: path }, text);
    return { file: path, outcome: 'discarded', deltaBytes };
  }

  /** What was rolled in of an ending that was interrupted goes. */
  #restore(entry: ActiveFile): void {
    const data = this.#parts.disk.open(entry.path, 'write');
    try {
      if (!data.tryLock('exclusive'))
        throw refused(
          Status.FILE_INUSE,
          'the file is open in another engine',
          entry.path,
          'locked',
        );
      if (entry.state !== 'ending' || standingOf(data, entry) === 'other') return;
      const set = Buffer.from(entry.set, 'hex');
      const uuid = Buffer.from(entry.uuid, 'hex');
      const frozen = findFrozen(data, { ...entry, set, uuid, root: '' });
      if (frozen !== undefined) restoreFrozen(data, frozen);
    } finally {
      data.close();
    }
  }

  // -------------------------------------------------------------------------------------------
  // For the table of open files

  isIn(path: string): boolean {
    return this.#parts.laidOver.find(path) !== undefined;
  }

  /** Whether a hot copy is under way to a place. */
  isMaking(copy: string): boolean {
    return this.#parts.sets.all.some((each) => each.copy === copy && each.state === 'active');
  }

  /** Throws 85 if a file may not be removed, renamed or created over, since this root or another has it in. */
  assertFree(path: string): void {
    if (this.isIn(path))
      throw refused(Status.FILE_INUSE, 'the file is in continuous operation', path, 'continuous');
    const { disk } = this.#parts;
    look(path, () => assertNotFrozenAt(disk, resolve(path)));
  }

  /** A file is about to be opened: tells what a delta beside it is that it does not belong to. */
  beforeOpen(path: string): void {
    const { disk, laidOver } = this.#parts;
    const delta = deltaPathOf(this.placeOf(path));
    if (delta === path || !look(path, () => disk.exists(delta))) return;
    const entry = laidOver.find(path);
    if (entry !== undefined && this.#standing(entry) !== 'other') return;
    if (entry === undefined && this.#settleStranger(path, delta)) return;
    const text = `${delta} does not belong to the file as it is, and was not applied; remove it.`;
    this.#tell('W', 'delta-ignored', { file: path, delta }, text);
  }

  #standing(entry: ActiveFile): ReturnType<typeof standingOf> {
    const data = this.#parts.disk.open(entry.path, 'read');
    try {
      return standingOf(data, entry);
    } catch (error) {
      // Opening it says what is wrong.
      if (error instanceof BtrieveError) return 'frozen';
      throw error;
    } finally {
      data.close();
    }
  }

  /**
   * A delta that no list of this root has. One that a crash left before it counted goes; a file that
   * another root has in continuous operation is refused: 85.
   */
  #settleStranger(path: string, delta: string): boolean {
    const { disk, root } = this.#parts;
    try {
      const handle = disk.open(delta, 'read');
      let header: DeltaHeader | string;
      let isNew: boolean;
      try {
        header = readDeltaHeader(handle);
        isNew = typeof header !== 'string' && isUnused(handle, header);
      } finally {
        handle.close();
      }
      if (typeof header === 'string') return false;
      if (header.root !== root) this.#assertNotElsewhere(path, header);
      if (header.root !== root || !isNew) return false;
      disk.remove(delta);
      disk.syncDirectory(dirname(delta));
      this.#tell(
        'I',
        'delta-removed',
        { file: path, delta },
        'A delta that never counted was removed.',
      );
      return true;
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  #assertNotElsewhere(path: string, header: DeltaHeader): void {
    if (entryOfSet(this.#parts.disk, header, path) !== undefined)
      throw elsewhere(header.root, path);
  }

  assertNotElsewhere({ pages }: OpenFile): void {
    if (pages.overlay !== undefined) return;
    const { path, control, identity } = pages;
    const found = findElsewhere(this.#parts.disk, identity, control);
    if (found === undefined) return;
    throw inElsewhere(found, control.frozenBy, path);
  }

  /** A file was opened: an ending that a crash has interrupted goes on, to its end. */
  opened(file: OpenFile): void {
    const { sets, disk } = this.#parts;
    const entry = this.#parts.laidOver.find(file.pages.path);
    if (entry?.state !== 'ending' || this.#busy.has(entry.path)) return;
    if (file.pages.overlay === undefined) {
      if (!disk.exists(deltaPathOf(entry.path))) sets.remove(entry.path);
      return;
    }
    try {
      const steps = this.#rollIn(file, entry);
      while (steps.next().done !== true);
    } catch (error) {
      if (this.#parts.laidOver.find(entry.path)?.state !== 'active') throw error;
      const why = isForWantOfRoom(error) ? 'There is no room to roll in its delta' : textOf(error);
      const text = `${why}; the file stays in continuous operation.`;
      this.#tell('W', 'continuous-not-ended', { file: entry.path }, text);
    }
  }

  added({ pages }: OpenFile): void {
    this.#parts.onOpened?.(pages.path);
  }

  // -------------------------------------------------------------------------------------------

  list(): ContinuousFile[] {
    const open = new Map(this.#parts.table().files.map(({ pages }) => [pages.path, pages]));
    return this.#parts.sets.all.map((entry) => {
      const { path, by, set, since } = entry;
      const deltaBytes = this.#deltaBytes(path);
      const grownPages = this.#grownPages(path, open.get(path));
      return {
        file: path,
        delta: deltaPathOf(path),
        since: new Date(since).toISOString(),
        by,
        set,
        state: this.#stateOf(entry),
        deltaBytes,
        deltaPages: Math.ceil(deltaBytes / entry.pageSize),
        ...this.#standingOfEnding(path),
        ...(grownPages === undefined
          ? {}
          : { growthBytes: grownPages * entry.pageSize, grownPages }),
      };
    });
  }

  /** Whether its delta can be laid over it, as far as that shows without its pages. */
  #canBeRead({ path }: ActiveFile): boolean {
    try {
      this.#parts.laidOver.open(path, 'read').close();
      return true;
    } catch (error) {
      return !(error instanceof BtrieveError);
    }
  }

  #standingOfEnding(path: string): Pick<ContinuousFile, 'ending' | 'failure'> {
    const ending = this.#endings.get(path);
    const failure = this.#failures.get(path);
    return {
      ...(ending === undefined ? {} : { ending }),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  #stateOf(entry: ActiveFile): ContinuousFile['state'] {
    const { disk } = this.#parts;
    if (!disk.exists(deltaPathOf(entry.path))) return 'missing';
    if (!disk.exists(entry.path) || this.#standing(entry) === 'other') return 'replaced';
    return this.#canBeRead(entry) ? entry.state : 'damaged';
  }

  /** Of an open file, or as its delta on disk says; undefined if there is none that counts. */
  #grownPages(path: string, pages: PageFile | undefined): number | undefined {
    if (pages !== undefined) {
      const { overlay, control } = pages;
      return overlay && control.physicalPages - overlay.frozen.control.physicalPages;
    }
    const { disk, laidOver } = this.#parts;
    const sizeOf = (files: FileSystem): number => {
      const handle = files.open(path, 'read');
      try {
        return chooseFcr(handle).control.physicalPages;
      } finally {
        handle.close();
      }
    };
    try {
      return sizeOf(laidOver) - sizeOf(disk);
    } catch (error) {
      if (error instanceof DiskError || error instanceof BtrieveError) return undefined;
      throw error;
    }
  }

  #deltaBytes(path: string): number {
    const { disk } = this.#parts;
    const delta = deltaPathOf(path);
    try {
      const handle = disk.open(delta, 'read');
      try {
        return handle.size();
      } finally {
        handle.close();
      }
    } catch (error) {
      if (error instanceof DiskError) return 0;
      throw error;
    }
  }

  #tell(severity: 'I' | 'W', id: string, fields: Record<string, string>, text: string): void {
    this.#parts.ports.events.write({ severity, id, fields, text });
  }
}

function entryOf({ path, copy, file, frozen, header }: Started): ActiveFile {
  if (frozen === undefined || header === undefined)
    throw new Error('a file is listed before it is frozen');
  const { pageSize, timeline, generation, since, by } = header;
  return {
    path,
    set: Buffer.from(header.set).toString('hex'),
    by,
    since,
    state: 'active',
    pageSize,
    uuid: Buffer.from(header.uuid).toString('hex'),
    timeline,
    generation,
    frozenMark: header.frozenMark,
    inode: file.pages.identity.inode,
    ...(copy === undefined ? {} : { copy }),
  };
}

function layOver({ file, frozen, header, delta }: Started): void {
  if (frozen === undefined || header === undefined || delta === undefined) return;
  file.pages.layOver(new OverlayHandle(file.pages.handle, delta, header, frozen, true));
}

/** What the disk says to a question about a path. */
function look<R>(path: string, work: () => R): R {
  try {
    return work();
  } catch (error) {
    throw fileError('the file cannot be looked at', error, path);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refused(status: Status, message: string, file: string, reason: string): BtrieveError {
  return new BtrieveError(status, message, file === '' ? { reason } : { reason, file });
}
