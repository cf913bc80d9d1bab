/**
 * One open data file as logical pages: reading, changing, allocating and freeing them, and when a
 * system transaction takes what has changed to the disk.
 *
 * Owns: which frame holds which page, which frames are dirty, the numbers of the FCR as they are
 * now, and the triggers of system transactions.
 *
 * Life of a page's frame:
 *
 *     clean ──edit──▶ dirty ──cut──▶ writing ──written──▶ clean
 *                                      │
 *                                    edit: the page gets a new, dirty frame; the old one is an
 *                                    orphan until it is written
 *
 * What a user transaction changes is its own until it ends, and may be the frame of the page as it was: see
 * `private-pages.ts`.
 *
 * Invariants:
 * - Pages change only between `prepare` and `endOperation`; a system transaction never cuts between
 *   the first change of an operation and its end, so no half operation is ever written.
 * - A file in use says so on disk before its first page is written (`claim`).
 * - After a failed write or sync nothing is written any more. Pages that are clean or can be read
 *   from disk may still be read.
 * - What `read` and `edit` return may be used until the operation ends, but once a page has been
 *   edited, only the frame that `edit` returned.
 */
import { dirname } from 'node:path';
import type { ArchiveSink } from './archive-sink.js';
import { assert } from './assert.js';
import { setU53, u53 } from './bytes.js';
import { ABSENT, ChunkedInt32 } from './chunked-array.js';
import type { FrozenState } from './continuous/delta-file.js';
import { isDeltaDamage } from './continuous/delta-proof.js';
import { OverlayHandle } from './continuous/overlay-handle.js';
import { RollIn, type RollInProgress } from './continuous/roll-in.js';
import { ControlPages } from './control-pages.js';
import { DiskError } from './disk-error.js';
import { copyControlRecord, NUMBER_LIMIT, type ControlRecord, type Holder } from './fcr.js';
import { createFile, type NewFileOptions } from './file-creation.js';
import { openFile, type Leftover, type OpenedFile } from './file-opening.js';
import { ImageKeeper, type FileImage, type ImageReader } from './file-image.js';
import { FreeSpace } from './free-space.js';
import { LogicalPages } from './logical-pages.js';
import { FRAME, type FrameOwner, type PageCache } from './page-cache.js';
import { closeQuietly, fileError, initialisePage, PageDevice, pageName } from './page-device.js';
import type { PageCipher } from './page-cipher.js';
import { PageTable, retiredPat } from './page-table.js';
import type { PageView } from './page-view.js';
import { FCR_PAGES, PatGeometry, SPACE, type PageSpace } from './pat.js';
import { PRIVATE_SHARE, PrivateWork, type PrivatePages } from './private-pages.js';
import type { FileHandle, FileIdentity, Ports } from './ports.js';
import { ReadAhead } from './read-ahead.js';
import { BtrieveError, Status } from './status.js';
import {
  checkPhysical,
  GrowthRefused,
  RoomAwaited,
  pageKey,
  SystemTransaction,
  type Cut,
} from './system-transaction.js';
import { keepShape } from './object-shape.js';
import { Trimming } from './trimming.js';

/** When system transactions happen. The names are those of the engine's settings. */
export interface PageFileSettings {
  /** Operations that change the file, after which a system transaction begins: 1 to 65,535. */
  readonly operationBundleLimit: number;
  /** Milliseconds after the first change, after which one begins: 1 to 1,800,000. */
  readonly initiationTimeLimitMs: number;
  /** Percent by which a file grows at least when it has to: 0 to 100. */
  readonly fileGrowthFactor: number;
  /** Bytes at its end that a file can do without, from which on it gets shorter when it is closed: 0 to 2^53. */
  readonly trimmedFrom: number;
}

const DEFAULT_PAGE_FILE_SETTINGS: PageFileSettings = Object.freeze({
  operationBundleLimit: 65_535,
  initiationTimeLimitMs: 10_000,
  fileGrowthFactor: 15,
  trimmedFrom: 4 * 1024 * 1024,
});

/** The log, as far as it concerns when pages are written. */
export interface LogOfPages {
  readonly holder: () => Holder;
  readonly lastLsn: number;
  makeDurable(lsn: number): void;
}

export interface PageFileOpenOptions {
  readonly mode: 'read' | 'write';
  /** Who has unflushed changes of the file, once there are any. */
  readonly holder: Holder;
  /** Where changes are before they are in the file; says who the holder is. */
  readonly log?: LogOfPages | undefined;
  /** A system transaction is complete; called out of an operation. */
  readonly onComplete?: (() => void) | undefined;
  readonly settings?: Partial<PageFileSettings>;
}

/** How long one slice of a system transaction may take at an operation boundary. */
const SLICE_MS = 0.3;
/** Bytes from one of the numbers to which everybody adds to the next. */
const TALLY_SIZE = 8;
/** The clock is read once in so many operations. */
const OPERATIONS_PER_LOOK = 64;
const SPACES: readonly PageSpace[] = [SPACE.DATA, SPACE.OTHER];
const NONE: readonly never[] = [];
/** From this share of the cache on, dirty pages are written; at twice that, operations wait. */
const DIRTY_SHARE = 0.25;
/**
 * The same in a cache of so many frames, where what an operation touches is next to nothing. A page that is changed
 * again before it is written is written once, and writing is what random changes wait for: 100,000 updates of a
 * million records took 4.9 µs each by the clock instead of 8.1 to 10.5, 100,000 deletions 11.3 to 12.0 instead of 18.8
 * to 21.8 (256 MB, pages of 8 KB, 0.7 and 0.9 for 0.4 and 0.8, in turn, twice).
 */
const DIRTY_SHARE_OF_MANY = 0.7;
const BUSY_SHARE_OF_MANY = 0.9;
const MANY_FRAMES = 4096;
/** Bytes that a close moves at the most for the sake of a shorter file: some tenths of a second. */
const MOVED_MOST = 64 * 1024 * 1024;
/** Pages that may be made dirty after who waited before its operation, until somebody waits again. */
const ROOM_MADE = 64;

const TOO_LARGE =
  'open transactions have changed as many pages as the cache can keep for them; end them sooner, ' +
  'or raise the cache size';

/** Events by the status of what was refused. */
const REFUSALS: Readonly<Partial<Record<number, string>>> = {
  [Status.DISKFULL]: 'file-disk-full',
  [Status.FILE_FULL]: 'file-full',
};

/** What a system transaction could not get and may get later; undefined for any other failure. */
function refusalOf(error: unknown): BtrieveError | undefined {
  return error instanceof GrowthRefused ? error.shown : undefined;
}

const RANGES: Readonly<Record<keyof PageFileSettings, readonly [number, number]>> = {
  operationBundleLimit: [1, 65_535],
  initiationTimeLimitMs: [1, 1_800_000],
  fileGrowthFactor: [0, 100],
  trimmedFrom: [0, Number.MAX_SAFE_INTEGER],
};

function checkedSettings(file: string, given: Partial<PageFileSettings>): PageFileSettings {
  const settings = { ...DEFAULT_PAGE_FILE_SETTINGS, ...given };
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = settings[name as keyof PageFileSettings];
    if (value >= least && value <= most) continue;
    throw new BtrieveError(
      Status.INVALID_PARAMETER_TO_MKDE,
      `the setting ${name} is out of range`,
      {
        reason: 'setting',
        file,
        expected: `${least} to ${most}`,
        found: String(value),
      },
    );
  }
  return settings;
}

/** What rolling in a delta finds while nothing but the end of the file was written. */
function isFull(error: unknown): boolean {
  return error instanceof DiskError && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(error.code);
}

/** The frame of each page in the cache, by space. */
type FrameMaps = readonly [ChunkedInt32, ChunkedInt32];

function newFrameMaps(): FrameMaps {
  return [new ChunkedInt32(), new ChunkedInt32()];
}

export class PageFile implements FrameOwner, PageView {
  readonly path: string;
  readonly pageSize: number;
  readonly #ports: Ports;
  readonly cache: PageCache;
  readonly #owner: number;
  readonly #device: PageDevice;
  /** As long as nothing is changed. */
  readonly #ahead: ReadAhead;
  readonly #geometry: PatGeometry;
  readonly #control: ControlRecord;
  readonly #controlPages: ControlPages;
  readonly #table: PageTable;
  readonly #logical: LogicalPages;
  readonly #space: FreeSpace;
  readonly #transaction: SystemTransaction;
  #settings: PageFileSettings;
  readonly #identity: FileIdentity;
  readonly #options: PageFileOpenOptions;
  #frames = newFrameMaps();
  /** Where the pages were when an operation failed half way: not to be read any more. */
  #spoilt: FrameMaps | undefined;
  #leftovers: readonly Leftover[];
  /** Frames that became dirty; some may have changed state since. */
  #dirty: number[] = [];
  #dirtyCount = 0;
  /** `#dirtyLimit` and `#freedLimit`, and the size of the cache that they are good for. */
  #dirtyBytes = 0;
  #busyBytes = 0;
  #freedPages = 0;
  #limitsOf = -1;
  /** Pages freed since the last cut and not given out again, as `pageKey` has them. */
  #freed = new Set<number>();
  /** The current operation has changed something. */
  #changed = false;
  /** Operations that changed something since the last cut. */
  #operations = 0;
  #firstChangeAt = 0;
  /** Operation boundaries at which the clock might have been read. */
  #boundaries = 0;
  /** The file says on disk that this engine has it in use. */
  #claimed = false;
  /** After a refusal, no new attempt before so many operations. */
  #retryAfter = 0;
  /** A step of the system transaction is being taken. */
  #stepping = false;
  #failure: Error | undefined;
  #closed = false;
  /** Pages that are to be free after the next system transaction. */
  #spare = 0;
  /** As many pages as this, in use or not, the file keeps when it is trimmed. */
  #preallocated = 0;
  /** Pages that system transactions have written since the file was opened. */
  #pagesWritten = 0;
  /** It is being closed. */
  #isClosing = false;
  #flushedLsn = 0;
  #isClean = false;
  #isHastened = false;
  /** It was looked whether the file has to grow for the next system transaction. */
  #hasLookedAhead = false;
  /** A system transaction waits for room on the disk, and that was said. */
  #isRoomAwaited = false;
  /** What the file says of its holder is to be said anew. */
  #isStale = false;
  /** It is being rolled forward by the log of its holder, and goes on being that one's until it has all. */
  #isRecovering = false;
  /** With the next claim it goes on under a timeline of its own: another file has the one it has. */
  #isCopy = false;
  /** Where what is written is kept as well. Set between operations, with everything on disk. */
  archive: ArchiveSink | undefined;
  /** The file is in continuous operation: its changes go to a delta. */
  #overlay: OverlayHandle | undefined;
  /** There are images of the file: it is written through this one. */
  #keeper: ImageKeeper | undefined;
  /** What operations end with instead of the next number. */
  #pinned: number | undefined;
  readonly #work: PrivateWork;

  /** Creates an empty file; see `createFile`. */
  static create(ports: Ports, path: string, options: NewFileOptions): void {
    createFile(ports.files, ports.random, path, options);
  }

  /** Opens an existing file; see `openFile` for the statuses. */
  static open(
    ports: Ports,
    cache: PageCache,
    path: string,
    options: PageFileOpenOptions,
  ): PageFile {
    const settings = checkedSettings(path, options.settings ?? {});
    const opened = openFile(ports.files, path, options.mode);
    try {
      const file = new PageFile(ports, cache, opened, { ...options, settings });
      file.#tellCondition(opened);
      return file;
    } catch (error) {
      closeQuietly(opened.handle);
      throw fileError('the file cannot be opened', error, path);
    }
  }

  private constructor(
    ports: Ports,
    cache: PageCache,
    opened: OpenedFile,
    options: PageFileOpenOptions & { readonly settings: PageFileSettings },
  ) {
    const { handle, control, slot } = opened;
    this.#ports = ports;
    this.cache = cache;
    this.#options = options;
    this.#settings = options.settings;
    this.path = handle.path;
    this.pageSize = control.pageSize;
    this.#identity = opened.identity;
    cache.admit(control.pageSize);
    this.#owner = cache.addOwner(this);
    this.#control = control;
    this.#leftovers = opened.leftovers;
    this.#geometry = PatGeometry.of(control.pageSize);
    this.#device = new PageDevice(handle, control.pageSize, control.pageSeed);
    this.#ahead = new ReadAhead(this.#device);
    this.#controlPages = new ControlPages(handle, control, slot);
    const parts = [cache, this.#device, this.#geometry, control] as const;
    const leftovers = new Set(opened.leftovers.map((each) => each.physical));
    this.#table = new PageTable(...parts, this.#owner, leftovers);
    this.#logical = new LogicalPages(...parts, this.#table);
    this.#space = new FreeSpace(...parts, this.#table);
    this.#work = new PrivateWork({
      pageSize: control.pageSize,
      path: handle.path,
      cache,
      owner: this.#owner,
      readCommitted: (space, page) => this.readShared(space, page),
      lend: (space, page) => this.#frames[space].clear(page),
      takeBack: (...page) => this.#takeBackPage(...page),
      takeNumber: (space) => this.#logical.allocate(space),
      giveNumberBack: (space, page) => this.#giveNumberBack(space, page),
      assertSound: () => this.#throwFailure(),
    });
    this.#transaction = new SystemTransaction({
      clock: ports.clock,
      cache,
      device: this.#device,
      geometry: this.#geometry,
      control,
      controlPages: this.#controlPages,
      table: this.#table,
      space: this.#space,
      logical: this.#logical,
      fileGrowthFactor: this.#settings.fileGrowthFactor,
      confirmPath: () => this.#confirmPath(),
      makeDurable: (lsn) => this.#options.log?.makeDurable(lsn),
      archive: () => this.archive,
      hasHoles: () => this.#overlay !== undefined,
      completed: ({ appliedLsn }) => {
        this.#flushedLsn = appliedLsn;
        this.#isRoomAwaited = false;
        this.#options.onComplete?.();
      },
    });
    this.#flushedLsn = control.appliedLsn;
    if (handle instanceof OverlayHandle) this.#useOverlay(handle);
    keepShape(this);
  }

  // -------------------------------------------------------------------------------------------
  // Continuous operation: see `continuous/`.

  /** The delta over the frozen file; undefined of a file that is not in continuous operation. */
  get overlay(): OverlayHandle | undefined {
    return this.#overlay;
  }

  /** The file as such, on which a delta is laid; not for writing. */
  get handle(): FileHandle {
    return this.#device.handle;
  }

  /**
   * Takes everything that is committed to the disk and leaves the file there as a clean close does, open
   * all the same, and says that `root` has frozen it. Until it is changed again, it is what the result says. Throws like `prepare` and
   * `complete`.
   */
  freeze(root = ''): FrozenState {
    assert(this.#overlay === undefined, 'a frozen file is frozen');
    this.#keeper?.endAll();
    this.prepare();
    this.endOperation();
    this.#makeRegions();
    this.complete();
    this.#control.frozenBy = root;
    this.#closeCleanly(() => this.#committedRecord());
    this.#throwFailure();
    this.#claimed = false;
    this.#isClean = false;
    return { control: this.#committedRecord(), slot: this.#controlPages.current };
  }

  /** With the next system transaction there are regions for numbers that only transactions know, too. */
  #makeRegions(): void {
    const isPrivatelyGrown = [SPACE.DATA, SPACE.OTHER].some(
      (space) => this.#work.numbersGivenOut(space).length > 0,
    );
    if (isPrivatelyGrown && this.#operations === 0) this.#operations = 1;
  }

  /** From here on changes go to the delta. To be called right after `freeze`. */
  layOver(overlay: OverlayHandle): void {
    assert(!this.#claimed && !this.#changed, 'a delta is laid over what is not frozen');
    this.#device.handle = overlay;
    this.#ahead.forget();
    this.#useOverlay(overlay);
  }

  #useOverlay(overlay: OverlayHandle): void {
    this.#overlay = overlay;
    this.#controlPages.useHandle(overlay);
    this.#space.spare(overlay.frozenPages);
  }

  /**
   * Rolls the delta into the data file, in steps between which others may work in the file: when it has
   * ended, the data file has everything, and what follows goes to it. `removeDelta` makes that final.
   *
   * Throws like `complete`; after 18 and 132, and after 2 with the reason `delta-damaged`, the file is in continuous
   * operation as before. What else goes wrong ends all writing until the file is opened again.
   */
  *rollIn(removeDelta: () => void): Generator<RollInProgress, void, void> {
    const overlay = this.#overlay;
    assert(overlay !== undefined, 'there is no delta to be rolled in');
    this.#throwFailure();
    const work = new RollIn(overlay);
    try {
      const steps = work.passes();
      for (;;) {
        const step = this.#rollingIn(overlay, () => steps.next());
        if (step.done === true) break;
        yield step.value;
      }
      this.#finishRollIn(overlay, work, removeDelta);
    } finally {
      work.end();
    }
  }

  #finishRollIn(overlay: OverlayHandle, work: RollIn, removeDelta: () => void): void {
    this.#keeper?.endAll();
    // Leftovers go, and the file says who has it in use, before that is copied. An unchanged file too gets a
    // new generation, by which it is told from one whose delta was lost.
    this.prepare();
    this.endOperation();
    this.#makeRegions();
    this.complete();
    const record = this.#committedRecord();
    const controlPages = this.#rollingIn(overlay, () => {
      this.#confirmPath();
      return work.finish(record);
    });
    this.#controlPages.follow(controlPages);
    try {
      removeDelta();
    } catch (error) {
      throw this.#failRollIn(error);
    }
    this.#device.handle = overlay.data;
    this.#ahead.forget();
    this.#controlPages.useHandle(overlay.data);
    this.#overlay = undefined;
    this.#space.spare(undefined);
    this.#control.heldPhysical = 0;
    // PAT pages may lie in the other copy now.
    this.#table.releaseAll();
    closeQuietly(overlay.delta);
  }

  #rollingIn<R>(overlay: OverlayHandle, work: () => R): R {
    try {
      return work();
    } catch (error) {
      const isDamage = isDeltaDamage(error);
      if (!isFull(error) && !isDamage) throw this.#failRollIn(error);
      const { physicalPages } = overlay.frozen.control;
      try {
        overlay.data.truncate(physicalPages * this.pageSize);
      } catch (cause) {
        throw this.#failRollIn(cause);
      }
      if (isDamage) throw error;
      throw fileError('the file cannot grow by what its delta has', error, this.path);
    }
  }

  #failRollIn(error: unknown): Error {
    const failure = this.#device.writeError('rolling in the delta failed', error);
    this.#fail(failure);
    return failure;
  }

  /**
   * The file as it is on disk from now on, its delta included, for whoever reads it in steps while others work in it; to be
   * ended by whoever takes it. Its reader comes to an end before the file is frozen or its delta rolled in.
   */
  takeImage(reader: ImageReader): FileImage {
    if (this.#closed) throw this.#notOpen();
    this.#keeper ??= this.#keepImages();
    return this.#keeper.take(reader);
  }

  #keepImages(): ImageKeeper {
    const keeper: ImageKeeper = new ImageKeeper(this.#device.handle, this.pageSize, () => {
      this.#keeper = undefined;
      this.#writeThrough(keeper.file);
    });
    this.#writeThrough(keeper);
    return keeper;
  }

  #writeThrough(handle: FileHandle): void {
    this.#device.handle = handle;
    this.#controlPages.useHandle(handle);
  }

  /** LSN up to which changes are in the file on disk. */
  get flushedLsn(): number {
    return this.#flushedLsn;
  }

  /** Changes up to this LSN have been made, the operation under way included. */
  set appliedLsn(lsn: number) {
    this.#control.appliedLsn = lsn;
  }

  /** Which file it is, whatever its path. */
  get identity(): FileIdentity {
    return this.#identity;
  }

  /** From here on pages are encrypted and decrypted, or not. */
  useCipher(cipher: PageCipher | undefined): void {
    this.#device.cipher = cipher;
  }

  /** Pages that are written from here on are plain. */
  decryptOnly(): void {
    if (this.#device.cipher !== undefined) this.#device.cipher.writes = false;
  }

  /** Encrypts bytes of the file that are kept elsewhere; undefined if the file is not encrypted. */
  get seal(): ((plain: Uint8Array) => Uint8Array) | undefined {
    const { cipher } = this.#device;
    return cipher?.writes === true ? (plain) => cipher.seal(plain) : undefined;
  }

  /** What was sealed. Throws 148 if it is not that. */
  unseal(sealed: Uint8Array): Uint8Array {
    const plain = this.#device.cipher?.unseal(sealed);
    if (plain !== undefined) return plain;
    const message = 'changes in the log are not encrypted as the file is';
    throw new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
      reason: 'log-sealed',
      file: this.path,
    });
  }

  /**
   * Takes everything to the disk; with the next change the file says anew who has changes of it. Throws
   * like `complete`.
   */
  reclaim(): void {
    if (!this.#claimed) return;
    this.#makeRegions();
    this.complete();
    this.#isStale = true;
  }

  /** From here on these limits count. Throws 160. */
  configure(
    settings: Pick<PageFileSettings, 'operationBundleLimit' | 'initiationTimeLimitMs'>,
  ): void {
    this.#settings = checkedSettings(this.path, { ...this.#settings, ...settings });
  }

  /** From here on, what is changed was in the log of its holder before. */
  beginRecovery(): void {
    this.#isRecovering = true;
  }

  /** It has all that its holder's log had: it is on disk, and the file this engine's. Throws 18, 38, 2. */
  endRecovery(): void {
    if (this.#claimed) this.complete();
    this.#isRecovering = false;
    this.#claim();
  }

  /**
   * While a file is rolled forward: each operation, the one under way included, leaves `changeSeq` at this
   * number, which so is on disk together with what it counts. Undefined: operations count again.
   */
  pinChangeSeq(changeSeq: number | undefined): void {
    this.#pinned = changeSeq;
  }

  /** In an operation: with it the file goes on under another timeline, that of what it is rolled forward by. */
  takeTimeline(timeline: number, parent: number, leftAt: number): void {
    this.#control.timeline = timeline;
    this.#control.timelineParent = parent;
    this.#control.timelineLeftAt = leftAt;
  }

  /** It is a copy of a file that is there as well: before its first change it gets a timeline of its own. */
  becomeCopy(): void {
    this.#isCopy = true;
    this.#isStale = true;
  }

  #leaveTimeline(): void {
    const bytes = new Uint8Array(4);
    this.#ports.random.fill(bytes);
    this.#control.timelineParent = this.#control.timeline;
    this.#control.timelineLeftAt = this.#control.changeSeq;
    this.#control.timeline = new DataView(bytes.buffer).getUint32(0, true) | 1;
    this.#control.timeline >>>= 0;
    this.#isCopy = false;
  }

  /** Overwrites every physical page that is free, so that nothing is left of what was there. */
  scrub(): void {
    this.complete();
    try {
      const blank = new Uint8Array(this.pageSize);
      this.#space.forEachFree((physical) => {
        this.#device.write(blank, physical * this.pageSize);
      });
      this.#device.handle.sync();
    } catch (error) {
      this.#fail(this.#device.writeError('overwriting free pages failed', error));
      this.#throwFailure();
    }
  }

  /** A number that stands for the file's identity. */
  get identifier(): number {
    return new DataView(this.#control.uuid.slice().buffer).getUint32(0, true);
  }

  /** What the FCR would say now: for information, and for the counters of the layers above. */
  get control(): Readonly<ControlRecord> {
    return this.#control;
  }

  numbersUsed(space: PageSpace): number {
    return this.#control.spaces[space].pages;
  }

  counter(index: number): number {
    const own = this.#work.current?.counter(index) ?? 0;
    return (this.#control.counters[index] ?? 0) + own;
  }

  /** Sets one of the sixteen numbers that the FCR keeps for the layers above. */
  setCounter(index: number, value: number): void {
    assert(value >= 0 && value < NUMBER_LIMIT && Number.isInteger(value), 'a counter is a number');
    if (this.#work.current !== undefined) {
      this.#work.current.addToCounter(index, value - this.counter(index));
      return;
    }
    this.#beforeChange();
    this.#control.counters[index] = value;
  }

  /** A number that only ever grows, whatever becomes of who asked: gaps are allowed. */
  nextNumber(index: number): number {
    const next = (this.#control.counters[index] ?? 0) + 1;
    if (this.#work.current === undefined) this.#beforeChange();
    this.#control.counters[index] = next;
    return next;
  }

  /** Pages of the file, of its own frames in the cache, and operations not yet on disk. */
  get statistics(): { dirtyPages: number; unflushedOperations: number; writing: boolean } {
    return {
      dirtyPages: this.#dirtyCount,
      unflushedOperations: this.#operations,
      writing: this.#transaction.active,
    };
  }

  /**
   * To be called before an operation that changes the file: afterwards it can be carried out.
   *
   * Throws what stands in the way: 46 (opened for reading), 2 (an earlier write failed), 18 (the
   * disk is full and the cache is full of what should be on it). Nothing has happened then.
   */
  prepare(): void {
    this.#throwFailure();
    if (this.#closed) throw this.#notOpen();
    if (this.#options.mode === 'read') {
      const message = 'the file was opened for reading only';
      throw new BtrieveError(Status.ACCESS_TO_FILE_DENIED, message, { file: this.path });
    }
    if (!this.#claimed || this.#isStale) this.#claim();
    if (this.#overfull()) this.#makeRoom();
    if (this.#work.isContended && !this.#isStep()) this.#work.beginStep(this);
  }

  #makeRoom(): void {
    // With some to spare: an operation that has not said how much it needs finds room, too.
    const room = Math.min(this.cache.size / 8, ROOM_MADE * this.pageSize);
    const enough = (): boolean => !this.#overfull(room);
    const own = this.relieve(enough);
    this.#throwFailure();
    if (!this.#overfull()) return;
    if (own !== undefined) throw own;
    // What fills the cache belongs to other files.
    const refusal = this.cache.relieve(enough);
    if (refusal !== undefined && this.#overfull()) throw refusal;
  }

  /**
   * Before the first change of an operation that will change or make so many pages. Throws 100 if
   * the cache has no room for them, or why what is dirty could not be written.
   */
  reserve(pages: number): void {
    const isPrivate = this.#work.current !== undefined;
    if (isPrivate && this.cache.privateShare > PRIVATE_SHARE)
      throw this.#noRoomFor(TOO_LARGE, pages);
    // A page that gets a copy needs two frames, and so does one that is borrowed and may have to be settled.
    const frames = isPrivate ? 2 * pages : pages;
    if (this.cache.hasRoom(this.pageSize, frames)) return;
    const refusal = this.cache.relieve(() => this.cache.hasRoom(this.pageSize, frames));
    if (this.cache.hasRoom(this.pageSize, frames)) return;
    if (refusal !== undefined) throw refusal;
    throw this.#noRoomFor(
      'the cache has no room for the pages of this operation; raise the cache size',
      pages,
    );
  }

  #noRoomFor(message: string, pages: number): BtrieveError {
    return new BtrieveError(Status.NO_CACHE_BUFFERS_AVAIL, message, {
      file: this.path,
      expected: `room for ${pages} pages`,
    });
  }

  /**
   * An operation has ended in an error. If it had changed something, half of it is in memory: none
   * of that is ever written, and the file must be opened anew. Returns the error to throw.
   */
  failOperation(error: unknown): unknown {
    const { current } = this.#work;
    if (current !== undefined) {
      // Half a step goes by itself; half an operation of a transaction ends that.
      if (!current.isStep)
        current.failure = error instanceof Error ? error : new Error(String(error));
      return error;
    }
    if (!this.#changed || this.#spoilt !== undefined) return error;
    this.#fail(error);
    this.#spoilt = this.#frames;
    this.#frames = newFrameMaps();
    return error;
  }

  /** The frame of an existing page, for reading. Throws status 2 if the page is damaged. */
  read(space: PageSpace, page: number): number {
    const { current } = this.#work;
    if (current !== undefined) {
      const own = this.#work.frameOf(space, page);
      if (own !== ABSENT) return own;
      if (current.hasFreed(space, page)) throw this.#noSuchPage(space, page);
    }
    return this.readShared(space, page);
  }

  /** In one look what `numbersUsed`, `isAllocated` and `read` say one after the other. */
  readIfAllocated(space: PageSpace, page: number): number {
    const { current } = this.#work;
    const own = current === undefined ? ABSENT : current.frameOf(space, page);
    const isShared = own === ABSENT && current?.hasFreed(space, page) !== true;
    const frame = isShared ? this.#frames[space].get(page) : own;
    if (frame !== ABSENT) {
      this.cache.touch(frame);
      return frame;
    }
    const isThere = page < this.numbersUsed(space) && this.isAllocated(space, page);
    return isThere ? this.read(space, page) : ABSENT;
  }

  frameInCache(space: PageSpace, page: number): number {
    return this.#frames[space].get(page);
  }

  readShared(space: PageSpace, page: number): number {
    const frame = this.#frames[space].get(page);
    if (frame === ABSENT) return this.#load(space, page);
    this.cache.touch(frame);
    return frame;
  }

  /** The frame of an existing page, for changing everything in it but its header's first line. */
  edit(space: PageSpace, page: number): number {
    if (this.#work.current !== undefined) return this.#work.edit(space, page);
    const frame = this.readShared(space, page);
    this.#beforeChange();
    const state = this.cache.stateOf(frame);
    if (state === FRAME.DIRTY) return frame;
    if (state === FRAME.WRITING) return this.#replace(space, page, frame);
    this.#markDirty(frame);
    return frame;
  }

  editBytes(space: PageSpace, page: number, from: number, length: number): number {
    if (this.#work.current === undefined) return this.edit(space, page);
    return this.#work.editBytes(space, page, from, length);
  }

  editRows(space: PageSpace, page: number, from: number, end: number, by: number): number {
    if (this.#work.current === undefined) return this.edit(space, page);
    return this.#work.editRows(space, page, from, end, by);
  }

  /** A new page of a type, empty but for its header. Throws status 132 at the format's limit. */
  allocate(space: PageSpace, type: number): number {
    if (this.#work.current !== undefined) return this.#work.allocate(space, type);
    this.#beforeChange();
    const page = this.#logical.allocate(space);
    this.#create(space, page, type);
    return page;
  }

  /**
   * The same with a certain number that is free, as redo needs it. Throws status 100, with nothing
   * changed, if so many numbers are skipped that their PAT pages would fill the cache.
   */
  allocateAt(space: PageSpace, page: number, type: number): void {
    this.#refuseGap(space, page);
    this.#beforeChange();
    this.#logical.use(space, page);
    this.#create(space, page, type);
  }

  isAllocated(space: PageSpace, page: number): boolean {
    // What others see and is in the cache is in use: a page that is freed loses its frame at once.
    const { current } = this.#work;
    const isKnown = this.#frames[space].get(page) !== ABSENT;
    if (isKnown && current?.hasFreed(space, page) !== true) return true;
    if (current !== undefined && current.frameOf(space, page) !== ABSENT) return true;
    return this.#logical.inUse(space, page) && this.#work.sees(space, page);
  }

  /** The page is no more; its number may be given out again. */
  free(space: PageSpace, page: number): void {
    assert(this.isAllocated(space, page), 'a page is freed that was not in use');
    if (this.#work.current !== undefined) {
      this.#work.free(space, page);
      return;
    }
    this.#beforeChange();
    this.#logical.free(space, page);
    this.#freed.add(pageKey(space, page));
    const frame = this.#frames[space].get(page);
    if (frame === ABSENT) return;
    this.#frames[space].clear(page);
    this.#giveUp(frame);
  }

  /** A frame is not that of its page any more. */
  #giveUp(frame: number): void {
    const state = this.cache.stateOf(frame);
    if (state === FRAME.WRITING) {
      this.cache.setState(frame, FRAME.ORPHAN);
      return;
    }
    if (state === FRAME.DIRTY) this.#dirtyCount--;
    this.cache.release(frame);
  }

  // -------------------------------------------------------------------------------------------
  // User transactions: pages that nobody else sees. See `private-pages.ts`.

  get privatePages(): PrivatePages | undefined {
    return this.#work.current;
  }

  /** What follows works in these pages; without any, in the committed ones. Between operations. */
  work(pages: PrivatePages | undefined): void {
    assert(!this.#changed && !this.#isStep(), 'private pages come and go between operations');
    this.#work.current = pages;
  }

  /** Whose pages were in the way when an operation ended with 84. */
  get blocker(): object | undefined {
    return this.#work.blocker;
  }

  /** Whose transaction holds a data page: somebody else's than the operation under way works in. */
  holderOf(page: number): object | undefined {
    return this.#work.holderOf(SPACE.DATA, page);
  }

  /** Whose transaction holds pages of the file: somebody else's than this one's. */
  otherHolder(owner: object): object | undefined {
    return this.#work.otherHolder(owner);
  }

  /** Before `publish`: throws what stands in its way, with nothing changed. */
  prepareToPublish({ roomyData, roomyVariable, tallies }: PrivatePages): void {
    this.#throwFailure();
    // It may have been frozen, or given to another log, since the transaction first changed it.
    if (this.#isStale || !this.#claimed) this.#claim();
    if (this.#overfull()) this.#makeRoom();
    this.reserve(roomyData.touched.size + 2 * roomyVariable.touched.size + tallies.length);
  }

  isHeld(space: PageSpace, page: number): boolean {
    return this.#work.isHeld(space, page);
  }

  hold(page: number): void {
    if (this.#work.current !== undefined) this.#work.hold(page);
  }

  copyOf(space: PageSpace, page: number): number {
    return this.#work.copyOf(space, page);
  }

  tally(page: number, offset: number): number {
    const frame = this.readShared(SPACE.OTHER, page);
    const shared = u53(this.cache.slabOf(frame).view, this.cache.baseOf(frame) + offset);
    return shared + (this.#work.current?.tally(page, offset) ?? 0);
  }

  addTally(page: number, offset: number, amount: number, next: number): void {
    const { current } = this.#work;
    if (current !== undefined) {
      current.addTally(page, offset, amount);
      if (next !== 0) current.addTally(page, offset + TALLY_SIZE, next);
      return;
    }
    this.#addAt(this.edit(SPACE.OTHER, page), offset, amount, next);
    const copy = this.copyOf(SPACE.OTHER, page);
    if (copy !== ABSENT) this.#addAt(copy, offset, amount, next);
  }

  #addAt(frame: number, offset: number, amount: number, next: number): void {
    const { view } = this.cache.slabOf(frame);
    const at = this.cache.baseOf(frame) + offset;
    setU53(view, at, u53(view, at) + amount);
    if (next === 0) return;
    setU53(view, at + TALLY_SIZE, u53(view, at + TALLY_SIZE) + next);
  }

  #isStep(): boolean {
    return this.#work.current?.isStep === true;
  }

  /**
   * The operation has done what it had to. If it was a step within a transaction, it is part of that
   * now. Returns the pages of one outside of any, which are for the caller to publish.
   */
  finishStep(): PrivatePages | undefined {
    const { current } = this.#work;
    if (current?.isStep !== true) return undefined;
    if (current.parent === undefined) {
      this.#work.current = undefined;
      return current;
    }
    this.#work.absorbStep();
    return undefined;
  }

  /**
   * Private pages take the place of the committed ones, and hold nothing any more: the first part of
   * an operation that changes the file. What belongs to the file rather than to a page is for the
   * caller to see to, before it ends that operation.
   */
  publish(pages: PrivatePages): void {
    assert(this.#work.current === undefined, 'private pages are published from the outside');
    this.#beforeChange();
    // Most have none of these; what there is goes with `letGo`.
    const freed = pages.hasFreedAny ? SPACES.map((space) => pages.pagesFreed(space)) : NONE;
    const tallies = pages.tallies.length === 0 ? NONE : [...pages.tallies];
    for (const { index, amount } of pages.counters) {
      this.#control.counters[index] = (this.#control.counters[index] ?? 0) + amount;
    }
    for (const space of SPACES) {
      const frames = pages.frames[space];
      for (let i = 0; i < frames.size; i++) {
        this.#publishPage(space, frames.keyAt(i), frames.valueAt(i));
      }
    }
    this.#work.letGo(pages);
    if (freed !== NONE) {
      for (const space of SPACES) for (const page of freed[space] ?? NONE) this.free(space, page);
    }
    for (const { page, offset, amount } of tallies) this.addTally(page, offset, amount, 0);
  }

  #publishPage(space: PageSpace, page: number, frame: number): void {
    if (this.cache.stateOf(frame) === FRAME.BORROWED) {
      // It never left the list of dirty frames.
      this.cache.setState(frame, FRAME.DIRTY);
      this.#frames[space].set(page, frame);
      return;
    }
    const old = this.#frames[space].get(page);
    if (old !== ABSENT) this.#giveUp(old);
    if (this.#freed.size > 0) this.#freed.delete(pageKey(space, page));
    this.#frames[space].set(page, frame);
    this.#markDirty(frame);
  }

  /** A page that was lent while it was dirty: what it was then is in this frame. */
  #takeBackPage(space: PageSpace, page: number, frame: number, isAnother: boolean): void {
    if (this.#spoilt !== undefined || this.#closed) {
      // Nobody is to read it any more.
      this.cache.release(frame);
      return;
    }
    this.#frames[space].set(page, frame);
    if (isAnother) this.#dirty.push(frame);
  }

  /** What was changed in private pages is as if it had not been. */
  drop(pages: PrivatePages): void {
    if (this.#closed) return;
    this.#work.drop(pages);
  }

  /** Private pages for a transaction of somebody. */
  beginPrivately(owner: object): PrivatePages {
    return this.#work.begin(owner);
  }

  /** Nobody uses private pages any more, which have been published or dropped. */
  giveBack(pages: PrivatePages): void {
    this.#work.giveBack(pages);
  }

  /** The number was never published. The control record may count it nevertheless, so it changes. */
  #giveNumberBack(space: PageSpace, page: number): void {
    this.#logical.free(space, page);
    this.#freed.add(pageKey(space, page));
    // A file that is frozen meanwhile says nothing of the number; the next change takes care of it.
    if (this.#operations > 0 || !this.#claimed) return;
    this.#operations = 1;
    this.#firstChangeAt = this.#ports.clock.monotonic();
  }

  /**
   * Ends an operation, reading or changing: frames may be reused, a system transaction may begin,
   * and one that is under way is advanced by a slice. At twice a limit it is waited for.
   */
  endOperation(): void {
    if (this.#isStep()) this.#work.dropStep();
    this.cache.endOperation();
    if (this.#changed) {
      this.#changed = false;
      this.#control.changeSeq = this.#pinned ?? this.#control.changeSeq + 1;
      this.archive?.ended(this.#control.changeSeq);
      if (this.#operations++ === 0) this.#firstChangeAt = this.#ports.clock.monotonic();
    }
    if (this.#operations > 0 || this.#transaction.active) this.#drive();
  }

  /** Begins a system transaction now if there is anything to write and none is under way. */
  begin(): void {
    assert(!this.#changed, 'a system transaction in the middle of an operation');
    this.#throwFailure();
    if (!this.#transaction.active && this.#operations > 0) this.#cut();
  }

  /** With the end of the operation under way, a system transaction begins. */
  hasten(): void {
    this.#isHastened = true;
  }

  /** To be called now and then while nothing else is going on. */
  idle(): void {
    assert(!this.#changed, 'idle in the middle of an operation');
    if (this.#failure !== undefined || this.#closed) return;
    this.#guard(() => {
      if (this.#transaction.isGrowing) this.#transaction.giveUpInVain();
      if (!this.#transaction.active && (this.#isHastened || this.#timeIsUp())) this.#beginIfAny();
      this.#transaction.advance(this.#ports.clock.monotonic() + SLICE_MS);
    });
  }

  /**
   * Takes everything changed so far to the disk and waits for it.
   *
   * Throws why it cannot now, and can be called again: 18 (disk full), 132 (the format's limit).
   * Nothing is lost then. Throws 2 if it never can.
   */
  complete(): void {
    assert(!this.#changed, 'a system transaction in the middle of an operation');
    this.#throwFailure();
    let refusal = this.#guard(() => this.#transaction.finish());
    this.#throwFailure();
    if (this.#operations > 0 && refusal === undefined) {
      this.#cut();
      refusal = this.#guard(() => this.#transaction.finish());
    }
    this.#throwFailure();
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Completes and closes the file, cleanly. Throws like `complete` if changes could not be written:
   * after 2 the file is closed all the same, else it stays open, and `close` can be called again.
   */
  close(): void {
    if (this.#closed) return;
    if (this.#failure === undefined) this.#completeToClose();
    if (this.#claimed && this.#failure === undefined) this.#trim();
    if (this.#claimed && this.#failure === undefined) this.#closeCleanly();
    this.abandon();
    this.#throwFailure();
  }

  /**
   * Like `close`, and gives the file another name while it is still locked; a new one must be one that
   * nothing has. Throws as well why that is not possible; the file is closed then. The directory is not
   * synced.
   */
  closeAs(path: string, isNew = false): void {
    this.complete();
    this.#closeCleanly();
    try {
      const { files } = this.#ports;
      if (this.#failure === undefined && isNew) files.renameNew(this.path, path);
      else if (this.#failure === undefined) files.rename(this.path, path);
    } finally {
      this.abandon();
    }
    this.#throwFailure();
  }

  /**
   * Takes everything changed so far to the disk, of which there must be something, and has the file
   * grow so that so many pages are free afterwards. Throws like `complete`.
   */
  preallocate(pages: number): void {
    assert(this.#operations > 0, 'a file grows in a system transaction');
    this.#spare = pages;
    try {
      this.complete();
    } finally {
      this.#spare = 0;
    }
  }

  /** A file that was given so many pages in advance does not get shorter than that. */
  keepPages(pages: number): void {
    this.#preallocated = pages;
  }

  /** There is nothing of it that is not in the file: it was closed like that, or never changed. */
  get isClosedCleanly(): boolean {
    return this.#closed && (this.#isClean || !this.#claimed);
  }

  /** Closes the file as a crash would: what no system transaction has completed is lost. */
  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#device.handle.close();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const details = { reason: error.code, file: this.path, cause: error };
      throw new BtrieveError(Status.CLOSE_ERROR, 'closing the file failed', details);
    } finally {
      this.#releaseFrames();
      // The last file that was open is held (`object-shape`), and its key had better not be.
      this.#device.cipher = undefined;
    }
  }

  forget(space: number, page: number): void {
    if (space === SPACE.PAT) this.#table.forget(page);
    else (this.#spoilt ?? this.#frames)[space as PageSpace].clear(page);
  }

  get pagesToWrite(): number {
    return this.#dirtyCount + this.#transaction.pagesToWrite;
  }

  relieve(enough: () => boolean): Error | undefined {
    // Called out of the middle of a system transaction's step, nothing can be done.
    if (this.#stepping || this.#closed || this.#failure !== undefined) return undefined;
    return this.#guard(() => {
      this.#transaction.finish(enough);
      if (this.#transaction.active || this.#changed || this.#operations === 0 || enough()) return;
      this.#cut();
      this.#transaction.finish(enough);
    });
  }

  #releaseFrames(): void {
    this.#work.abandon();
    for (const map of [...this.#frames, ...(this.#spoilt ?? [])]) {
      map.forEach((frame) => this.cache.release(frame));
      map.reset();
    }
    this.#transaction.releaseOrphans();
    this.#table.releaseAll();
    this.cache.removeOwner(this.#owner);
  }

  /** Leaves a refusal to the caller, and a failure to what comes after it. */
  #completeToClose(): void {
    this.#isClosing = true;
    try {
      this.complete();
    } catch (error) {
      if (this.#failure === undefined) throw error;
    } finally {
      this.#isClosing = false;
    }
  }

  /** See `trimming`. What stands in the way is not the close's affair: the file stays as long as it is. */
  #trim(): void {
    const isShared = this.#overlay !== undefined || this.#keeper !== undefined;
    if (isShared || this.#isRecovering) return;
    const trimming = new Trimming({
      control: this.#control,
      geometry: this.#geometry,
      table: this.#table,
      space: this.#space,
      makeDirty: (space, page) => {
        this.#markDirty(this.readShared(space, page));
        this.cache.endOperation();
      },
      dirtyPages: Math.max(1, Math.floor(this.#dirtyLimit() / 2 / this.pageSize)),
      // What is dirty has not changed: it only gets another place.
      write: () => {
        this.#operations = 1;
        this.complete();
      },
    });
    this.#isClosing = true;
    try {
      const most = Math.min(this.#pagesWritten, MOVED_MOST / this.pageSize);
      const pages = trimming.run(this.#preallocated, this.#settings.trimmedFrom, most);
      if (pages !== undefined) this.#cutTo(pages);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#tell('W', 'file-not-trimmed', `The file stays as long as it is: ${error.message}`);
    } finally {
      this.#isClosing = false;
    }
  }

  /** From here on the file has only so many pages, all others being free. */
  #cutTo(physicalPages: number): void {
    try {
      this.#confirmPath();
      this.#control.generation++;
      // In all copies, so that none speaks of pages that are no more.
      for (let copy = 0; copy < FCR_PAGES; copy++) this.#controlPages.flip(this.#control);
      this.#device.handle.truncate(physicalPages * this.pageSize);
      // A file that says that it was closed cleanly has nothing behind its last page.
      this.#device.handle.sync();
    } catch (error) {
      this.#fail(this.#device.writeError('giving back unused space failed', error));
    }
  }

  /** So many bytes of the cache may be dirty before they are written. */
  #dirtyLimit(): number {
    if (this.cache.size !== this.#limitsOf) this.#setLimits();
    return this.#dirtyBytes;
  }

  /** With so many bytes of the cache dirty or being written, operations wait. */
  #busyLimit(): number {
    if (this.cache.size !== this.#limitsOf) this.#setLimits();
    return this.#busyBytes;
  }

  /** So many pages may be freed before operations wait: each may take a PAT page of the cache. */
  #freedLimit(): number {
    if (this.cache.size !== this.#limitsOf) this.#setLimits();
    return this.#freedPages;
  }

  /** Each operation asks for them three times: one such question, with divisions, was 5 % of an insertion of 2 µs. */
  #setLimits(): void {
    const { cache, pageSize } = this;
    const { size } = cache;
    const isLarge = cache.frameLimit(pageSize) >= MANY_FRAMES;
    this.#limitsOf = size;
    this.#dirtyBytes = size * (isLarge ? DIRTY_SHARE_OF_MANY : DIRTY_SHARE);
    this.#busyBytes = size * (isLarge ? BUSY_SHARE_OF_MANY : 2 * DIRTY_SHARE);
    this.#freedPages = (size * DIRTY_SHARE) / pageSize;
  }

  /** Much of the cache waits to be written. */
  get isCrowded(): boolean {
    return this.cache.busy >= this.#dirtyLimit() / 2;
  }

  /** Operations have to wait, or would have to with so many bytes more. */
  #overfull(more = 0): boolean {
    if (this.cache.busy + more >= this.#busyLimit() || this.#freed.size >= this.#freedLimit())
      return true;
    if (this.archive?.isOverfull === true) return true;
    return this.#operations >= 2 * this.#settings.operationBundleLimit;
  }

  #timeIsUp(): boolean {
    if (this.#operations === 0) return false;
    const waited = this.#ports.clock.monotonic() - this.#firstChangeAt;
    return waited >= this.#settings.initiationTimeLimitMs;
  }

  #isDue(): boolean {
    if (this.#operations < this.#retryAfter) return false;
    if (this.#isHastened || this.archive?.isLarge === true) return true;
    if (this.#operations >= this.#settings.operationBundleLimit) return true;
    if (this.cache.busy >= this.#dirtyLimit() && this.#dirtyCount > 0) return true;
    if (this.#freed.size >= this.#freedLimit() / 2) return true;
    return this.#boundaries++ % OPERATIONS_PER_LOOK === 0 && this.#timeIsUp();
  }

  /** At an operation boundary: begins what is due, advances what is under way, waits if it must. */
  #drive(): void {
    if (this.#failure !== undefined) return;
    if (this.#transaction.active || (this.#operations > 0 && this.#isDue())) this.#push();
    else if (this.#transaction.isGrowing) this.#guard(() => this.#transaction.giveUpInVain());
    else if (this.isCrowded && !this.#hasLookedAhead) this.#lookAhead();
    if (this.cache.busy >= this.#busyLimit()) {
      this.cache.relieve(() => this.cache.busy < this.#busyLimit());
    }
  }

  /** What is dirty is about half of what it will be when it is written. */
  #lookAhead(): void {
    if (this.#operations < this.#retryAfter || this.#overlay !== undefined) return;
    this.#hasLookedAhead = true;
    const [data, other] = this.#control.spaces;
    const inUse = data.pages - data.free + other.pages - other.free;
    const foreseen = Math.floor((this.#dirtyCount * this.#dirtyLimit()) / this.cache.busy);
    this.#guard(() => this.#transaction.growAhead(Math.min(inUse, foreseen)));
  }

  #push(): void {
    this.#guard(() => {
      if (!this.#transaction.active) this.#cut();
      this.#transaction.advance(this.#ports.clock.monotonic() + SLICE_MS);
      if (this.#overfull()) this.#transaction.finish(() => !this.#overfull());
    });
  }

  /** Runs a part of a system transaction. Returns what may pass, and keeps what does not. */
  #guard(work: () => void): Error | undefined {
    this.#stepping = true;
    try {
      work();
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== undefined) return this.#refuse(refusal);
      if (error instanceof RoomAwaited) return this.#awaitRoom(error.shown);
      this.#fail(error);
      return undefined;
    } finally {
      this.#stepping = false;
    }
  }

  /** There is no room: what was cut is dirty again, and the file is as long as it was. */
  #refuse(refusal: BtrieveError): Error | undefined {
    try {
      this.#takeBack(this.#transaction.undo());
    } catch (error) {
      this.#fail(this.#device.writeError('giving back unused space failed', error));
      return undefined;
    }
    const text = 'There is no room; changes stay in memory and are tried again.';
    this.#tell('W', REFUSALS[refusal.status] ?? 'file-refused', text);
    return refusal;
  }

  /** What was cut is written when there is room; what comes after it is taken as far as memory goes. */
  #awaitRoom(shown: BtrieveError): BtrieveError {
    const text = 'There is no room for its delta; changes stay in memory and are tried again.';
    if (!this.#isRoomAwaited) this.#tell('W', 'file-disk-full', text);
    this.#isRoomAwaited = true;
    return shown;
  }

  #takeBack(cut: Cut): void {
    this.#logical.undone();
    for (const key of cut.freed) if (!this.#isInUse(key)) this.#freed.add(key);
    this.#operations += cut.operations;
    this.#firstChangeAt = this.#ports.clock.monotonic();
    this.#retryAfter = this.#operations + OPERATIONS_PER_LOOK;
    for (const frame of cut.frames) {
      if (this.cache.stateOf(frame) === FRAME.ORPHAN) this.cache.release(frame);
      else this.#markDirty(frame);
    }
  }

  /** Whether a page that was freed has been given out again since. */
  #isInUse(key: number): boolean {
    const space = key >= pageKey(1, 0) ? 1 : 0;
    const page = key - pageKey(space, 0);
    return this.#logical.inUse(space, page) && !this.#work.isGivenOut(space, page);
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    const text = `Nothing more is written to this file: ${this.#failure.message}`;
    this.#tell('E', 'file-failed', text);
  }

  #beginIfAny(): void {
    if (this.#operations > 0) this.#cut();
    this.#isHastened = false;
  }

  /** What is committed is there to be cut, and finding room for it begins no other system transaction of the file. */
  #settleToCut(): void {
    const wasStepping = this.#stepping;
    this.#stepping = true;
    try {
      this.#work.settleAll();
    } finally {
      this.#stepping = wasStepping;
    }
  }

  #cut(): void {
    this.#settleToCut();
    const frames = this.#dirty;
    this.cache.cut(frames, this.#owner);
    this.#pagesWritten += frames.length;
    const record = this.#committedRecord();
    const freed = this.#freed;
    const operations = this.#operations;
    this.#transaction.begin({
      frames,
      freed,
      record,
      operations,
      spare: this.#spare,
      isLast: this.#isClosing,
    });
    this.#dirty = [];
    this.#dirtyCount = 0;
    this.#logical.cut();
    for (const space of [SPACE.DATA, SPACE.OTHER] as const) {
      this.#logical.keep(space, this.#work.numbersGivenOut(space));
    }
    this.#freed = new Set();
    this.#operations = 0;
    this.#retryAfter = 0;
    this.#isHastened = false;
    this.#hasLookedAhead = false;
  }

  /** The numbers of the FCR without what only transactions know. */
  #committedRecord(): ControlRecord {
    const record = copyControlRecord(this.#control);
    for (const space of [SPACE.DATA, SPACE.OTHER] as const) {
      const counts = record.spaces[space];
      for (const page of this.#work.numbersGivenOut(space)) {
        counts.free++;
        const pat = Math.floor(page / this.#geometry.entries);
        counts.firstFree = counts.free === 1 ? pat : Math.min(counts.firstFree, pat);
      }
    }
    return record;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #beforeChange(): void {
    this.#throwFailure();
    assert(this.#claimed, 'a file is changed without being prepared for it');
    this.#changed = true;
  }

  #markDirty(frame: number): void {
    this.cache.setState(frame, FRAME.DIRTY);
    this.#dirty.push(frame);
    this.#dirtyCount++;
  }

  /** The page's frame is being written: the page goes on in a copy. */
  #replace(space: PageSpace, page: number, old: number): number {
    const frame = this.cache.take(this.pageSize, this.#owner, space, page);
    const state = this.cache.stateOf(old);
    if (state === FRAME.DIRTY) {
      // Finding room has undone the system transaction: the page may change where it is.
      this.cache.release(frame);
      return old;
    }
    this.cache.copyPage(old, frame);
    this.#frames[space].set(page, frame);
    this.#markDirty(frame);
    // Finding room may have completed the transaction: then no one needs the old frame.
    if (state === FRAME.WRITING) this.cache.setState(old, FRAME.ORPHAN);
    else this.cache.release(old);
    return frame;
  }

  /** A system transaction has the PAT pages of all regions that the file gets, and writes them. */
  #refuseGap(space: PageSpace, page: number): void {
    const { entries, regionLimit } = this.#geometry;
    const { spaces, regions } = this.#control;
    const most = this.cache.frameLimit(this.pageSize) / 4;
    // What there is no number for is another matter, and a page that follows the last skips none.
    if (page >= regionLimit * entries || page <= spaces[space].pages) return;
    const added = Math.floor(page / entries) + 1 - regions;
    if (added <= most) return;
    throw new BtrieveError(
      Status.NO_CACHE_BUFFERS_AVAIL,
      `${pageName(space, page)} lies so far past the others that the cache cannot hold what comes ` +
        'with it; put those between to use first, or raise the cache size',
      { file: this.path, expected: `at most ${most} regions more`, found: String(added) },
    );
  }

  /** Gives a number that has been put to use its page, or gives the number back. */
  #create(space: PageSpace, page: number, type: number): void {
    let frame: number;
    try {
      frame = this.cache.take(this.pageSize, this.#owner, space, page);
    } catch (error) {
      this.#logical.free(space, page);
      // It may have been freed and given out again: then the PAT still has it.
      this.#freed.add(pageKey(space, page));
      throw error;
    }
    this.#freed.delete(pageKey(space, page));
    const slab = this.cache.slabOf(frame);
    const header = { pageSize: this.pageSize, type, space, page };
    initialisePage(slab.bytes, slab.view, this.cache.baseOf(frame), header);
    this.#frames[space].set(page, frame);
    this.#markDirty(frame);
  }

  #load(space: PageSpace, page: number): number {
    if (this.#closed) throw this.#notOpen();
    if (this.#spoilt !== undefined) this.#throwFailure();
    this.#work.settlePage(space, page);
    const settled = this.#frames[space].get(page);
    if (settled !== ABSENT) return settled;
    const isThere =
      this.#table.has(this.#geometry.patOf(space, page)) && !this.#logical.isNewlyFree(space, page);
    const physical = isThere ? this.#table.physicalOf(space, page) : 0;
    if (physical === 0) throw this.#noSuchPage(space, page);
    checkPhysical(this.#device, this.#geometry, this.#control, physical);
    const checksum = this.#table.checksumOf(space, page);
    const frame = this.cache.take(this.pageSize, this.#owner, space, page);
    const slab = this.cache.slabOf(frame);
    const base = this.cache.baseOf(frame);
    try {
      if (this.#claimed) this.#device.read(physical, slab.bytes, base);
      else this.#ahead.read(physical, slab.bytes, base);
      const generation = this.#transaction.generationOnDisk;
      const expected = { space, page, generation, checksum };
      const problem = this.#device.verify(slab.bytes, slab.view, base, expected);
      if (problem !== undefined) throw this.#device.damage(physical, problem);
      this.#device.decrypt(slab.bytes, slab.view, base, physical);
    } catch (error) {
      this.cache.release(frame);
      throw error;
    }
    this.#frames[space].set(page, frame);
    return frame;
  }

  #notOpen(): BtrieveError {
    return new BtrieveError(Status.FILE_NOT_OPEN, 'the file was closed', { file: this.path });
  }

  #noSuchPage(space: PageSpace, page: number): BtrieveError {
    const message = `${pageName(space, page)} does not exist, and something points to it`;
    return new BtrieveError(Status.IO_ERROR, message, { reason: 'no-page', file: this.path });
  }

  /** Before the first change: leftovers go, for good, and then the file is in use. */
  #claim(): void {
    const { log } = this.#options;
    // The numbers of a system transaction are those of its own end: none may be under way, or have been undone.
    if (this.#claimed) this.complete();
    // The log may have to be begun, and that may be refused, which is not the end of the file.
    const isRecovering = this.#isRecovering && this.#control.holder !== undefined;
    this.#ahead.forget();
    const own = isRecovering ? this.#control.holder : log?.holder();
    const holder = own ?? this.#options.holder;
    // What the file is said to have is on disk in the log, though none of it is of this file.
    if (!isRecovering) log?.makeDurable(log.lastLsn);
    try {
      // Whoever created the file may have been killed before its name was on disk.
      if (this.#control.generation === 1) this.#ports.files.syncDirectory(dirname(this.path));
      this.#retireLeftovers();
      this.#cutTail();
      // The log has nothing to add so far, whatever it still holds of the file. What stood there
      // before may be a number of another log, and higher.
      if (log !== undefined && !isRecovering) this.#control.appliedLsn = log.lastLsn;
      if (this.#isCopy && !isRecovering) this.#leaveTimeline();
      this.#control.holder = holder;
      this.#control.frozenBy = '';
      // Of a file that was in use before, transactions may have numbers.
      const record = this.#committedRecord();
      this.#controlPages.claim(record);
      this.#control.generation = record.generation;
      this.#control.claiming = record.claiming;
      this.#flushedLsn = this.#control.appliedLsn;
      this.#claimed = true;
      this.#isStale = false;
    } catch (error) {
      this.#fail(this.#device.writeError('claiming the file failed', error));
      this.#throwFailure();
    }
  }

  /** Synced before the flip: the generation that they are stamped with is used anew by it. */
  #retireLeftovers(): void {
    if (this.#leftovers.length === 0) return;
    for (const { patNumber, physical } of this.#leftovers) {
      const retired = retiredPat(this.pageSize, this.#device.seed, patNumber);
      this.#device.write(retired, physical * this.pageSize);
    }
    this.#device.handle.sync();
    const text = `${this.#leftovers.length} leftover PAT copies of a crash were retired.`;
    this.#tell('I', 'file-leftovers-retired', text);
    this.#leftovers = [];
  }

  /** What a crash left after the last page while the file was growing. */
  #cutTail(): void {
    const size = this.#control.physicalPages * this.pageSize;
    if (this.#device.handle.size() > size) this.#device.handle.truncate(size);
  }

  /** `recordOf` makes what the FCR is to say of the control record. */
  #closeCleanly(recordOf = (): ControlRecord => this.#control): void {
    try {
      this.#confirmPath();
      this.#control.generation++;
      this.#control.holder = undefined;
      this.#controlPages.closeCleanly(recordOf());
      this.#isClean = true;
    } catch (error) {
      this.#fail(this.#device.writeError('closing the file failed', error));
    }
  }

  #confirmPath(): void {
    this.#confirmDelta();
    const found = this.#identifyPath(this.path);
    const { device, inode } = this.#identity;
    if (found?.device === device && found.inode === inode) return;
    throw new BtrieveError(
      Status.IO_ERROR,
      found === undefined
        ? 'the file was removed or renamed while it was open; put it back and open it again'
        : 'another file was put in the place of the open one; put it back and open it again',
      { reason: 'replaced', file: this.path },
    );
  }

  /** Changes in a delta that has lost its name are lost with the process. */
  #confirmDelta(): void {
    const delta = this.#overlay?.delta;
    if (delta === undefined) return;
    const [found, own] = [this.#identifyPath(delta.path), delta.identity()];
    if (found?.device === own.device && found.inode === own.inode) return;
    const message =
      'the delta of the file was removed or replaced while it is in continuous operation; put it back ' +
      'and open the file again';
    throw new BtrieveError(Status.IO_ERROR, message, { reason: 'replaced', file: delta.path });
  }

  #identifyPath(path: string): FileIdentity | undefined {
    try {
      return this.#ports.files.identify(path);
    } catch (error) {
      throw this.#device.writeError('the place of the file cannot be looked at', error);
    }
  }

  #tellCondition(opened: OpenedFile): void {
    const { generation, holder } = opened.control;
    if (holder !== undefined) {
      const text = `The file was not closed cleanly; generation ${generation} of it counts.`;
      this.#tell('W', 'file-unclean', text);
    }
    for (const { offset, message } of opened.fcrProblems) {
      this.#tell('W', 'file-fcr-unusable', `The copy at offset ${offset}: ${message}.`);
    }
  }

  #tell(severity: 'I' | 'W' | 'E', id: string, text: string): void {
    this.#ports.events.write({ severity, id, fields: { file: this.path }, text });
  }
}
