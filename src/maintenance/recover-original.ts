/** RECOVER of an original file: whatever can be read of its records, into an unformatted file. */
import { checkLegacyInSteps } from '../legacy/legacy-check.js';
import { LegacyFile } from '../legacy/legacy-file.js';
import type { LegacyCursor } from '../legacy/legacy-index.js';
import { LEGACY_PAGE } from '../legacy/legacy-layout.js';
import { NONE } from '../legacy/legacy-numbers.js';
import type { LegacySteps } from '../legacy/legacy-steps.js';
import type { FileSystem } from '../microkernel/ports.js';
import { fileError } from '../microkernel/page-device.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { OutputFile } from './output-file.js';
import { ProblemList, type RecoverResult } from './recovery-report.js';
import { RECORDS_PER_STEP, type Task } from './task.js';
import { UnformattedWriter } from './unformatted-file.js';

export interface RecoverOriginalOptions {
  readonly owner: string;
  readonly dryRun: boolean;
  readonly overDataFile: boolean;
  readonly backward: boolean;
  readonly files: FileSystem;
}

/**
 * Writes every record that can be read, in physical order, of every page that is left. Pages of a lost page table
 * are found by their own numbers, and their records counted as unconfirmed. Where free slots cannot be told from
 * records (formats 3 to 5, with their list damaged) the indexes lead to the records: each is walked from both ends
 * to its damage; and a slot that cannot be in any list, since what would be its link leads nowhere, has
 * a record, too. Pieces of the file that are missing are named, with the number of pages that nobody can reach
 * for it. Throws what opening answers: 2, 30, 51; and 18.
 */
export function* recoverOriginal(
  source: string,
  output: string,
  { owner, dryRun, overDataFile, backward, files }: RecoverOriginalOptions,
): Task<RecoverResult> {
  const file = LegacyFile.open(source, { files, owner, isSalvage: true });
  let target: OutputFile | undefined;
  try {
    if (!dryRun) target = new OutputFile(output, { notOver: [source], overDataFile, files });
    const writer = target && new UnformattedWriter(target.handle);
    const recovery = new Recovery(file, writer, backward);
    recovery.tellUnreachable();
    yield* recovery.run();
    yield* recovery.check();
    writer?.end();
    target?.finish();
    const { recovered, problems, unconfirmed, unreachablePages: lostPages } = recovery;
    return {
      recovered,
      expected: file.recordCount,
      problems: problems.listed,
      problemCount: problems.count,
      lostPages,
      unconfirmed,
      bytes: writer?.bytes ?? 0,
      isBehind: false,
      notes: file.warnings.map(({ message }) => `${message}.`),
    };
  } catch (error) {
    throw fileError('the file cannot be recovered', error, source);
  } finally {
    target?.discard();
    file.close();
  }
}

class Recovery {
  recovered = 0;
  unconfirmed = 0;
  /** Pages of any kind that lie in missing pieces or behind the end. */
  unreachablePages = 0;
  readonly problems = new ProblemList();
  readonly #file: LegacyFile;
  readonly #writer: UnformattedWriter | undefined;
  readonly #isBackward: boolean;
  #buffer: Uint8Array = new Uint8Array(64 * 1024);

  constructor(file: LegacyFile, writer: UnformattedWriter | undefined, isBackward: boolean) {
    this.#file = file;
    this.#writer = writer;
    this.#isBackward = isBackward;
  }

  /** Says which pieces are missing, once, instead of at every page of them. */
  tellUnreachable(): void {
    const { pieces, pages } = this.#file.unreachable();
    this.unreachablePages = pages;
    const [first] = pieces;
    if (first === undefined) return;
    const [piece, names] = [pieces.length > 1 ? 'pieces' : 'a piece', pieces.join(', ')];
    const is = pieces.length > 1 ? 'are' : 'is';
    const message = `${piece} of the file ${is} missing (${names}): ${pages} ${pages === 1 ? 'page' : 'pages'} cannot be reached`;
    const details = { reason: 'missing-extension', file: first };
    const error = new BtrieveError(Status.EXTENDED_FILE_ERROR, message, details);
    this.problems.add('the file', error);
  }

  *run(): Task<void> {
    let hasSteps = true;
    try {
      this.#file.steps().first();
    } catch (error) {
      hasSteps = !this.#isWithoutSteps(error);
    }
    if (hasSteps) yield* this.#byPosition();
    else yield* this.#byKeys();
  }

  /**
   * What no reading of a record shows may still be wrong with the file: parts of records that belong to others, for
   * instance. So one that gave no reason for complaint is looked at as a whole.
   */
  *check(): Task<void> {
    if (this.problems.count > 0) return;
    const { findings } = yield* checkLegacyInSteps(this.#file);
    for (const { message, reason, offset } of findings) {
      const details = {
        reason,
        file: this.#file.path,
        ...(offset === undefined ? {} : { offset }),
      };
      this.problems.add('the file', new BtrieveError(Status.IO_ERROR, message, details));
    }
  }

  /** A key-only file, or one whose free slots are not known. */
  #isWithoutSteps(error: unknown): boolean {
    if (!(error instanceof BtrieveError)) throw error;
    if (error.status === Status.OPERATION_NOT_ALLOWED) return true;
    const { free, plan } = this.#file.records;
    const isUnknown = free.failure !== undefined && plan.use < 0;
    if (isUnknown) this.problems.add('the list of free slots', error);
    return isUnknown;
  }

  *#byPosition(): Task<void> {
    const steps = this.#file.steps();
    for (let tried = 0; ; tried++) {
      if (tried % RECORDS_PER_STEP === 0) yield this.#progress();
      try {
        if (!this.#step(steps, tried === 0)) return;
      } catch (error) {
        if (!isMissingPiece(error)) this.problems.add('the pages', error);
        continue;
      }
      this.#take(steps.address);
    }
  }

  #step(steps: LegacySteps, isFirst: boolean): boolean {
    if (!this.#isBackward) return steps.next();
    return isFirst ? steps.last() : steps.previous();
  }

  *#byKeys(): Task<void> {
    const found = new Set<number>();
    for (const { definition, refusal, isSystem } of this.#file.keys) {
      if (refusal !== undefined) continue;
      const { number } = definition;
      const name = isSystem ? 'the system key' : `key ${number}`;
      for (const isForward of [true, false]) {
        const cursor = this.#file.index(number).cursor();
        if (yield* this.#walk(cursor, isForward, name, found)) break;
      }
    }
    const { free, plan } = this.#file.records;
    const isUnknown = free.failure !== undefined && plan.use < 0;
    if (isUnknown && found.size < this.#file.recordCount) yield* this.#addUnlisted(found);
    const sign = this.#isBackward ? -1 : 1;
    for (const address of [...found].sort((a, b) => sign * (a - b))) this.#take(address);
  }

  /**
   * Adds the slots that are not free, whatever the list of free slots was: a free one has the address of another,
   * or that of none. Those that no key leads to and that might be free are told, and left out.
   */
  *#addUnlisted(found: Set<number>): Task<void> {
    const { geometry, pages, free } = this.#file.records;
    let unknown = 0;
    for (let page = pages.map.first; page < pages.limit; page++) {
      yield this.#progress();
      try {
        if (!pages.isData(page) || free.isFreePage(page)) continue;
        for (let slot = 0; slot < geometry.slotsOn(page); slot++) {
          const address = geometry.addressOf(page, slot);
          if (found.has(address)) continue;
          if (this.#mayBeFree(page, slot)) unknown++;
          else found.add(address);
        }
      } catch (error) {
        if (!isMissingPiece(error)) this.problems.add(`page ${page}`, error);
      }
    }
    if (unknown === 0) return;
    const message = `${unknown} slots that no key leads to may be free, or have records: they are left out`;
    const details = { reason: 'free-slots', file: this.#file.path };
    this.problems.add(
      'the list of free slots',
      new BtrieveError(Status.IO_ERROR, message, details),
    );
  }

  #mayBeFree(page: number, slot: number): boolean {
    const { geometry, pages, plan } = this.#file.records;
    const at = pages.read(page, LEGACY_PAGE.DATA) + geometry.offsetOf(slot) + plan.freeLink;
    const link = pages.header.family.address(pages.view, at);
    if (link === NONE) return true;
    const other = geometry.pageOf(link);
    return other >= pages.map.first && other < pages.header.pages && geometry.slotOf(link) >= 0;
  }

  /** Collects addresses. Returns whether it came to the end. */
  *#walk(walk: LegacyCursor, isForward: boolean, name: string, found: Set<number>): Task<boolean> {
    try {
      let isThere = isForward ? walk.first() : walk.last();
      for (; isThere; isThere = isForward ? walk.next() : walk.previous()) {
        found.add(walk.address);
        if (found.size % RECORDS_PER_STEP === 0) yield this.#progress();
      }
      return true;
    } catch (error) {
      this.problems.add(`the index of ${name}`, error);
      return false;
    }
  }

  #progress(): { done: number; total: number; unit: string } {
    return { done: this.recovered, total: this.#file.recordCount, unit: 'records' };
  }

  #take(address: number): void {
    const length = this.#read(address);
    if (length < 0) return;
    this.#writer?.write(this.#buffer, 0, length);
    this.recovered++;
    const { geometry, pages } = this.#file.records;
    // Where its variable part lies is not asked: a table that is lost makes all of that uncertain.
    pages.map.locate(geometry.pageOf(address));
    if (pages.map.isGuessed) this.unconfirmed++;
  }

  /** The length of the record that is in the buffer then; -1 if it cannot be read. */
  #read(address: number): number {
    try {
      let length = this.#file.read(address, this.#buffer);
      if (length > this.#buffer.length) {
        this.#buffer = new Uint8Array(2 * length);
        length = this.#file.read(address, this.#buffer);
      }
      return length;
    } catch (error) {
      this.problems.add(`the record at address ${address}`, error);
      return -1;
    }
  }
}

/** Whether something is not there for want of a piece, which has been told once and for all. */
function isMissingPiece(error: unknown): boolean {
  return error instanceof BtrieveError && error.status === Status.EXTENDED_FILE_ERROR;
}
