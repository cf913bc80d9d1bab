/**
 * Proves a data file page by page, straight from disk and past the cache: every page is used once
 * or free, every checksum is right, every count agrees. Damage is located, never guessed at.
 *
 * Reads, never writes. Memory: one bit for each physical page that is in use, and one region.
 */
import { hex32, uuidText } from './bytes.js';
import { type ControlRecord, type FcrProblem } from './fcr.js';
import { chooseFcr } from './fcr-choice.js';
import { FCR, PAT_ENTRY } from './layout.js';
import { fileError, PageDevice, pageName, type PageProblem } from './page-device.js';
import { choosePat, isRetiredPat } from './page-table.js';
import {
  digestMark,
  entryChecksum,
  entryPhysical,
  FCR_PAGES,
  PatGeometry,
  testBit,
  type PageSpace,
} from './pat.js';
import type { FileHandle } from './ports.js';
import { ReadAhead } from './read-ahead.js';
import { BtrieveError } from './status.js';
import { settleShape } from './object-shape.js';

/** One thing that is wrong with a file. */
export interface CheckFinding {
  /** Stable word: `fcr`, `fcr-copy`, `pat`, `pat-copy`, `digest`, `checksum`, `stale`, … */
  readonly reason: string;
  readonly message: string;
  /** For instance `data page 17`. */
  readonly page?: string;
  readonly physicalPage?: number;
  /** Byte offset in the file. */
  readonly offset?: number;
  readonly expected?: string;
  readonly found?: string;
}

/** What a check has to say. The file is whole if there are no findings. */
export interface CheckReport {
  readonly file: string;
  readonly uuid: string;
  readonly pageSize: number;
  readonly generation: number;
  readonly changeSeq: number;
  /** False if the file is in use, or was when its engine stopped. */
  readonly closedCleanly: boolean;
  readonly physicalPages: number;
  readonly dataPages: number;
  readonly otherPages: number;
  readonly freePhysicalPages: number;
  /** At most `FINDINGS_SHOWN` of them. */
  readonly findings: readonly CheckFinding[];
  readonly findingCount: number;
  /** What is no damage and not as a clean close leaves it: of a crash, and gone when the file is used next. */
  readonly notes: readonly CheckFinding[];
}

/** How the pages of a file are checked. */
export interface PageCheckOptions {
  /** Called with each page that is right, as it is on disk; `bytes` are good until the call returns. */
  readonly onPage?:
    ((space: number, page: number, bytes: Uint8Array, view: DataView) => void) | undefined;
}

/** More findings than this are counted and not listed. */
export const FINDINGS_SHOWN = 1000;

/** Pages looked at in one go: one or two milliseconds. */
const PAGES_PER_STEP = 256;

/** After so many lost PAT pages a check ends. */
const PATS_LOST_MAX = 2000;

/**
 * Checks the pages of an open file as they are on disk.
 *
 * Throws `BtrieveError` 30 if this is no data file, 2 if it cannot be read at all.
 */
export function checkPages(handle: FileHandle, options: PageCheckOptions = {}): CheckReport {
  const steps = checkingPages(handle, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Regions checked and of all. */
type Steps<R> = Generator<{ readonly done: number; readonly total: number }, R, void>;

/** The same in steps, between which the file must not be changed. */
export function* checkingPages(
  handle: FileHandle,
  options: PageCheckOptions = {},
): Steps<CheckReport> {
  try {
    const { control, fcrProblems } = chooseFcr(handle);
    return yield* new PageCheck(handle, control, options).run(fcrProblems);
  } catch (error) {
    throw fileError('the check could not read the file', error, handle.path);
  }
}

class PageCheck {
  readonly #handle: FileHandle;
  readonly #options: PageCheckOptions;
  readonly #control: ControlRecord;
  readonly #device: PageDevice;
  readonly #ahead: ReadAhead;
  readonly #geometry: PatGeometry;
  readonly #findings: CheckFinding[] = [];
  readonly #notes: CheckFinding[] = [];
  #findingCount = 0;
  /** Bits of usable physical pages that some entry maps to, by region. */
  readonly #mapped = new Map<number, DataView>();
  #xor = 0;
  #sum = 0;
  #patsLost = 0;
  /** What each PAT page contributed to the digest: two numbers for two megabytes of the file. */
  readonly #marks: { patNumber: number; copy: number; mark: number }[] = [];
  readonly #used: [number, number] = [0, 0];
  /** Lowest PAT page with a free number below the highest number, by space. */
  readonly #firstFree: [number, number] = [Infinity, Infinity];
  #physicalUsed = 0;
  readonly #page: Uint8Array;
  readonly #pageView: DataView;
  /** Room for the PAT pages of one region. */
  readonly #pats: Uint8Array;
  /** A page of zeros: comparing with it is faster than looking at each byte. */
  readonly #zeros: Uint8Array;

  constructor(handle: FileHandle, control: ControlRecord, options: PageCheckOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#control = control;
    this.#device = new PageDevice(handle, control.pageSize, control.pageSeed);
    this.#ahead = new ReadAhead(this.#device);
    this.#geometry = PatGeometry.of(control.pageSize);
    this.#page = new Uint8Array(control.pageSize);
    this.#pageView = new DataView(this.#page.buffer);
    this.#pats = new Uint8Array(4 * control.pageSize);
    this.#zeros = new Uint8Array(control.pageSize);
    settleShape(this);
  }

  *run(fcrProblems: readonly FcrProblem[]): Steps<CheckReport> {
    const { regions } = this.#control;
    for (const problem of fcrProblems) this.#tellFcrProblem(problem);
    this.#checkMargins();
    for (let region = 0; region < regions; region++) {
      yield* this.#checkRegion(region);
      yield { done: region + 1, total: 2 * regions };
      if (this.#patsLost >= PATS_LOST_MAX) return this.#giveUp(region);
    }
    for (let region = 0; region < regions; region++) {
      this.#checkBitmap(region);
      yield { done: regions + region + 1, total: 2 * regions };
    }
    this.#checkCounts();
    return this.#report();
  }

  /** A file that is nothing but holes would otherwise take as long as its claimed size. */
  #giveUp(region: number): CheckReport {
    const message = 'so many pages of the page allocation table are lost that the check ends here';
    this.#findAt(this.#geometry.patPage(region * 2, 0), 'given-up', { message });
    return this.#report();
  }

  #tellFcrProblem(problem: FcrProblem): void {
    const isNote = problem.isLeftover === true;
    const cause = isNote ? ', as a crash leaves it' : '';
    const finding: CheckFinding = {
      reason: 'fcr-copy',
      message: `a copy of the file control record cannot be used${cause}: ${problem.message}`,
      offset: problem.offset,
      ...(problem.expected === undefined ? {} : { expected: problem.expected }),
      ...(problem.found === undefined ? {} : { found: problem.found }),
    };
    if (isNote) this.#notes.push(finding);
    else this.#find(finding);
  }

  /** A file that was closed cleanly has no byte that nobody knows. */
  #checkMargins(): void {
    const { pageSize, physicalPages, holder } = this.#control;
    for (let slot = 0; slot < FCR_PAGES; slot++) {
      if (!this.#tryRead(slot, this.#page, 1)) continue;
      const rest = this.#page.subarray(FCR.size);
      if (this.#isBlank(rest)) continue;
      const stray = rest.findIndex((byte) => byte !== 0);
      const offset = slot * pageSize + FCR.size + stray;
      const message = 'the rest of the page of a file control record is not zero';
      this.#find({ reason: 'margin', message, offset, expected: '0', found: String(rest[stray]) });
    }
    const size = this.#handle.size();
    if (holder !== undefined || size === physicalPages * pageSize) return;
    const offset = physicalPages * pageSize;
    const message = 'the file goes on after its last page';
    this.#find({
      reason: 'size',
      message,
      offset,
      expected: `${offset} bytes`,
      found: `${size} bytes`,
    });
  }

  *#checkRegion(region: number): Steps<void> {
    const { pageSize } = this.#control;
    const bytes = this.#pats;
    if (!this.#tryRead(this.#geometry.patPage(region * 2, 0), bytes, 4)) {
      this.#patsLost += 2;
      return;
    }
    for (const space of [0, 1] as const) {
      const pair = bytes.subarray(space * 2 * pageSize, (space + 1) * 2 * pageSize);
      yield* this.#checkPat(region * 2 + space, space, pair);
    }
  }

  *#checkPat(patNumber: number, space: PageSpace, pair: Uint8Array): Steps<void> {
    const { pageSize, generation } = this.#control;
    const view = new DataView(pair.buffer, pair.byteOffset, pair.length);
    const choice = choosePat(this.#device, patNumber, generation, pair, view);
    for (const copy of [0, 1] as const) {
      const problem = choice.problems[copy];
      if (problem === undefined) continue;
      const bytes = pair.subarray(copy * pageSize, (copy + 1) * pageSize);
      // What a crash left of a copy was retired, and a copy that is yet to come looks the same.
      if (choice.copy >= 0 && isRetiredPat(this.#device, patNumber, bytes)) continue;
      this.#checkPatCopy(patNumber, copy, problem, choice.copy < 0);
    }
    if (choice.copy < 0) {
      this.#patsLost++;
      return;
    }
    const mark = digestMark(patNumber, choice.checksum);
    this.#marks.push({ patNumber, copy: choice.copy, mark });
    this.#xor = (this.#xor ^ mark) >>> 0;
    this.#sum = (this.#sum + mark) >>> 0;
    const page = pair.subarray(choice.copy * pageSize, (choice.copy + 1) * pageSize);
    this.#checkPatMargins(patNumber, choice.copy, space, page);
    const entriesAt = choice.copy * pageSize + this.#geometry.entriesAt;
    yield* this.#checkEntries(patNumber, space, view, entriesAt);
  }

  /** What a PAT page does not use is zero: its end, and the bitmap of one that has none. */
  #checkPatMargins(patNumber: number, copy: number, space: PageSpace, page: Uint8Array): void {
    const { bitmapAt, entriesAt, entries } = this.#geometry;
    const end = page.subarray(entriesAt + entries * PAT_ENTRY.size);
    const bitmap = space === 0 ? page.subarray(0, 0) : page.subarray(bitmapAt, entriesAt);
    if (this.#isBlank(end) && this.#isBlank(bitmap)) return;
    this.#findAt(this.#geometry.patPage(patNumber, copy), 'margin', {
      message: 'a part of the page that is not used is not zero',
      page: pageName(2, patNumber),
    });
  }

  /** A bad copy beside a good one is what a crash may leave in a file in use, and damage otherwise. */
  #checkPatCopy(patNumber: number, copy: 0 | 1, problem: PageProblem, lost: boolean): void {
    if (!lost && this.#control.holder !== undefined) return;
    const entries = this.#geometry.entries;
    const first = (patNumber >>> 1) * entries;
    const consequence = lost
      ? `; the pages ${first} to ${first + entries - 1} of its space cannot be found`
      : '; the other copy is good';
    this.#findAt(this.#geometry.patPage(patNumber, copy), lost ? 'pat' : 'pat-copy', {
      ...problem,
      message: `${problem.message}${consequence}`,
      page: pageName(2, patNumber),
    });
  }

  *#checkEntries(
    patNumber: number,
    space: PageSpace,
    view: DataView,
    entriesAt: number,
  ): Steps<void> {
    const { entries } = this.#geometry;
    const first = (patNumber >>> 1) * entries;
    const counts = this.#control.spaces[space];
    for (let entry = 0; entry < entries; entry++) {
      const at = entriesAt + entry * PAT_ENTRY.size;
      const physical = entryPhysical(view, at);
      const page = first + entry;
      if (physical === 0) {
        if (page < counts.pages) {
          this.#firstFree[space] = Math.min(this.#firstFree[space], patNumber >>> 1);
        }
        continue;
      }
      this.#checkEntry(space, page, physical, entryChecksum(view, at));
      if (++this.#used[space] % PAGES_PER_STEP === 0) {
        yield { done: patNumber >>> 1, total: 2 * this.#control.regions };
      }
    }
  }

  #checkEntry(space: PageSpace, page: number, physical: number, checksum: number): void {
    const { physicalPages, generation, spaces } = this.#control;
    const bit = physical < physicalPages ? this.#geometry.bitOf(physical) : -1;
    if (bit < 0) {
      const message = 'the page allocation table points to where no page can be';
      const expected = `a usable page below ${physicalPages}`;
      this.#find({
        reason: 'pointer',
        message,
        page: pageName(space, page),
        expected,
        found: String(physical),
      });
      return;
    }
    if (page >= spaces[space].pages) {
      const message = 'the page has a number that was never given out';
      const expected = `below ${spaces[space].pages}`;
      this.#findAt(physical, 'number', {
        message,
        page: pageName(space, page),
        expected,
        found: String(page),
      });
    }
    if (!this.#map(physical, bit)) {
      const message = 'the physical page is used by another page as well';
      this.#findAt(physical, 'used-twice', { message, page: pageName(space, page) });
      return;
    }
    if (!this.#tryRead(physical, this.#page, 1)) return;
    const expected = { space, page, generation, checksum };
    const problem = this.#device.verify(this.#page, this.#pageView, 0, expected);
    if (problem === undefined) this.#options.onPage?.(space, page, this.#page, this.#pageView);
    else this.#findAt(physical, problem.reason, { ...problem, page: pageName(space, page) });
  }

  /** Notes that a physical page is in use; false if it was already. */
  #map(physical: number, bit: number): boolean {
    const region = this.#geometry.regionOf(physical);
    let bitmap = this.#mapped.get(region);
    if (bitmap === undefined) {
      bitmap = new DataView(new ArrayBuffer(Math.ceil(this.#geometry.entries / 8)));
      this.#mapped.set(region, bitmap);
    }
    const mask = 1 << (bit & 7);
    const before = bitmap.getUint8(bit >>> 3);
    if ((before & mask) !== 0) return false;
    bitmap.setUint8(bit >>> 3, before | mask);
    this.#physicalUsed++;
    return true;
  }

  /** The stored bitmap of a region against what the entries of all regions map to. */
  #checkBitmap(region: number): void {
    const { pageSize, generation } = this.#control;
    const pair = this.#pats.subarray(0, 2 * pageSize);
    const view = new DataView(pair.buffer);
    const patNumber = region * 2;
    if (!this.#tryRead(this.#geometry.patPage(patNumber, 0), pair, 2, false)) return;
    const choice = choosePat(this.#device, patNumber, generation, pair, view);
    // What a lost PAT page maps is not known, so no bit can be called wrong.
    if (choice.copy < 0 || this.#patsLost > 0) return;
    const bitmapAt = choice.copy * pageSize + this.#geometry.bitmapAt;
    const mapped = this.#mapped.get(region);
    for (let bit = 0; bit < this.#geometry.entries; bit++) {
      const marked = testBit(view, bitmapAt, bit);
      const isMapped =
        mapped !== undefined && ((mapped.getUint8(bit >>> 3) >>> (bit & 7)) & 1) === 1;
      if (marked === isMapped) continue;
      this.#findAt(this.#geometry.firstUsable(region) + bit, 'bitmap', {
        message: 'the bitmap of free space and the page allocation table disagree',
        expected: isMapped ? 'in use' : 'free',
        found: marked ? 'in use' : 'free',
      });
    }
  }

  #checkCounts(): void {
    if (this.#patsLost > 0) return;
    const control = this.#control;
    const digest = `${hex32(this.#xor)} ${hex32(this.#sum)}`;
    const stored = `${hex32(control.patXor)} ${hex32(control.patSum)}`;
    this.#compare('digest', 'digest over the page allocation table', digest, stored);
    this.#locateStalePat();
    const free = this.#geometry.usablePages(control.physicalPages) - this.#physicalUsed;
    this.#compare('count', 'number of free physical pages', free, control.freePhysical);
    for (const space of [0, 1] as const) {
      const counts = control.spaces[space];
      const name = space === 0 ? 'data pages' : 'index and variable pages';
      const expected = counts.pages - this.#used[space];
      this.#compare('count', `number of free numbers of ${name}`, expected, counts.free);
      if (counts.free === 0 || counts.firstFree <= this.#firstFree[space]) continue;
      const place = `first free number of ${name}`;
      this.#compare('count', place, this.#firstFree[space], counts.firstFree);
    }
  }

  /** If one PAT page is not the right one, the two halves of the digest tell which. */
  #locateStalePat(): void {
    const { patXor, patSum } = this.#control;
    if (patXor === this.#xor && patSum === this.#sum) return;
    for (const { patNumber, copy, mark } of this.#marks) {
      const wanted = (patXor ^ this.#xor ^ mark) >>> 0;
      if ((patSum - this.#sum - wanted + mark) >>> 0 !== 0) continue;
      this.#findAt(this.#geometry.patPage(patNumber, 1 - copy), 'pat', {
        message: 'the current copy of a page of the page allocation table is not there',
        page: pageName(2, patNumber),
      });
    }
  }

  /** Whether all bytes of a part of a page are zero. */
  #isBlank(bytes: Uint8Array): boolean {
    return Buffer.compare(bytes, this.#zeros.subarray(0, bytes.length)) === 0;
  }

  #compare(reason: string, what: string, computed: unknown, stored: unknown): void {
    if (computed === stored) return;
    const message = `the ${what} in the file control record is wrong`;
    this.#find({ reason, message, expected: String(computed), found: String(stored) });
  }

  /** False, with a finding, if the disk does not give the pages. */
  #tryRead(physical: number, into: Uint8Array, count: number, report = true): boolean {
    try {
      if (count === 1) this.#ahead.read(physical, into, 0);
      else this.#device.read(physical, into, 0, count);
      return true;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      if (report) this.#findAt(physical, error.reason ?? 'read', { message: error.message });
      return false;
    }
  }

  #findAt(physical: number, reason: string, finding: Omit<CheckFinding, 'reason'>): void {
    const offset = physical * this.#control.pageSize;
    const { message, page, expected, found } = finding;
    this.#find({
      reason,
      message,
      ...(page === undefined ? {} : { page }),
      physicalPage: physical,
      offset,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    });
  }

  #find(finding: CheckFinding): void {
    this.#findingCount++;
    if (this.#findings.length < FINDINGS_SHOWN) this.#findings.push(finding);
  }

  #report(): CheckReport {
    const { pageSize, generation, changeSeq, holder, physicalPages, uuid } = this.#control;
    return {
      file: this.#handle.path,
      uuid: uuidText(uuid),
      pageSize,
      generation,
      changeSeq,
      closedCleanly: holder === undefined,
      physicalPages,
      dataPages: this.#used[0],
      otherPages: this.#used[1],
      freePhysicalPages: this.#geometry.usablePages(physicalPages) - this.#physicalUsed,
      findings: this.#findings,
      findingCount: this.#findingCount,
      notes: this.#notes,
    };
  }
}
