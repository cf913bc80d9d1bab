/**
 * Seeded faults: builds of the engine with one rule broken each. The crash tests must find every
 * one of them, for a test that cannot fail proves nothing.
 *
 * Owns the list, and how a fault is put into a source: as a change of one place.
 * The text to be found is there exactly once, so a fault that no longer applies shows itself. Who
 * changes the engine brings the fault up to date, or takes it out together with the rule.
 */

export interface SeededFault {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What the rule is good for. */
  readonly why: string;
  /** The scenario that is tried first; the others follow if it finds nothing. */
  readonly first: string;
}

/** A source with a fault. Throws if it does not fit exactly one place. */
export function putFault(source: string, { name, file, find, replace }: SeededFault): string {
  const [before = '', after, ...more] = source.split(find);
  if (after === undefined || more.length > 0) {
    const times = after === undefined ? 0 : more.length + 1;
    throw new Error(`the fault '${name}' no longer applies: ${file} has ${times} times ${find}`);
  }
  return before + replace + after;
}

const MICROKERNEL = 'src/microkernel';

/** The flip from one generation to the next. */
const FCR_FAULTS: readonly SeededFault[] = [
  {
    name: 'no sync before the flip',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'device.handle.beginSync();\n',
    replace: '\n',
    why: 'the FCR may be on disk before what it stands for',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT pages written behind the sync',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'this.#write();\n      device.handle.beginSync();',
    replace: 'device.handle.beginSync();\n      this.#write();',
    why: 'the sync must cover the PAT pages as well as the pages',
    first: 'change, free, reuse',
  },
  {
    name: 'flip not synced',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'this.#handle.beginSync();',
    replace: '',
    why: 'what was reported complete must be on disk',
    first: 'change, free, reuse',
  },
  {
    name: 'claim and clean close not synced',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'this.#handle.sync();',
    replace: '',
    why: 'a file in use must say so before its first page is written',
    first: 'change, free, reuse',
  },
  {
    name: 'FCR written over the current copy',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'return slot;',
    replace: 'return this.#current;',
    why: 'torn, it would take the file with it',
    first: 'change, free, reuse',
  },
  {
    name: 'two FCR copies in turn',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: '(this.#current + 1) % FCR_PAGES',
    replace: '(this.#current + 1) % 2',
    why: 'after a kill nobody knows which of two copies is the one on disk',
    first: 'killed at step 17, then power cut',
  },
  {
    name: 'FCR always written to the same copy',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'this.#current = this.#next();',
    replace: '',
    why: 'written twice in turn it is current the second time',
    first: 'change, free, reuse',
  },
  {
    name: 'oldest FCR taken for current',
    file: `${MICROKERNEL}/fcr-choice.ts`,
    find: 'Math.max(...good',
    replace: 'Math.min(...good',
    why: 'what was promised stands in the newest copy',
    first: 'change, free, reuse',
  },
  {
    name: 'claim in the same generation',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#control.generation = record.generation;',
    replace: '',
    why: 'a later generation must win over that of the claim',
    first: 'change, free, reuse',
  },
  {
    name: 'claim in one step',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'record.claiming = true;\n    this.flip(record);',
    replace: 'record.claiming = false;',
    why: 'after one that failed, nobody knows which two of three copies to spare',
    first: 'killed, 1 more could not claim the file, then power cut',
  },
  {
    name: 'file has its size of the cut, not of the growth',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'record.physicalPages = control.physicalPages;',
    replace: '',
    why: 'pages placed where the file has grown must lie within it',
    first: 'growth over a region',
  },
  {
    name: 'superseded pages not counted as free on disk',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'control.freePhysical + this.#released.length',
    replace: 'control.freePhysical',
    why: 'the count must be that of the bitmaps, or the file grows for nothing',
    first: 'change, free, reuse',
  },
  {
    name: 'superseded pages not counted as free in memory',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'control.freePhysical += this.#released.length;',
    replace: '',
    why: 'the count must be that of the bitmaps, or the file grows for nothing',
    first: 'change, free, reuse',
  },
  {
    name: 'closed cleanly in one copy of the FCR',
    file: `${MICROKERNEL}/control-pages.ts`,
    find: 'this.flip(record);\n    this.flip(record);',
    replace: 'this.flip(record);',
    why: 'damage to one copy of a file at rest must lose nothing',
    first: 'in use and closed cleanly, as the file says it',
  },
  {
    name: 'flip although another file is in its place',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'confirmPath();\n',
    replace: 'void confirmPath;\n',
    why: 'what is reported to be in a file must be in the file of this name',
    first: 'another file in its place',
  },
];

/** Where pages and PAT pages go. */
const PAGE_FAULTS: readonly SeededFault[] = [
  {
    name: 'superseded pages released while pages are placed',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'this.#placed.push(physical);',
    replace:
      'this.#placed.push(physical);\n' +
      '    const key = [cache.spaceOf(frame) as PageSpace, cache.pageOf(frame)] as const;\n' +
      '    const before = this.#parts.table.move(...key, 0, 0);\n' +
      '    if (before !== 0) {\n' +
      '      space.release(before);\n' +
      '      this.#parts.control.freePhysical++;\n' +
      '    }',
    why: 'the same system transaction would write to pages that the file uses',
    first: 'operations beside the system transaction',
  },
  {
    name: 'pages taken without a look at the bitmap',
    file: `${MICROKERNEL}/free-space.ts`,
    find: 'findClearBit(view, bitmapAt, from, end)',
    replace: 'from',
    why: 'pages in use would be written over',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT page written to the copy in use',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'const copy = 1 - cache.copyOf(frame);',
    replace: 'const copy = cache.copyOf(frame);',
    why: 'a crash would leave the old FCR with a new or a torn PAT page',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT page written to the same copy for ever',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'cache.setCopy(frame, copy);',
    replace: '',
    why: 'the copies change places with every system transaction',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT entry with a stale checksum',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'setEntry(view, at, physical, checksum);',
    replace: 'setEntry(view, at, physical, entryChecksum(view, at));',
    why: 'the entry must tell the page that lies there from an older one',
    first: 'change, free, reuse',
  },
  {
    name: 'checksums entered before the pages are sealed',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'return this.#writes - 1 - ',
    replace: 'return this.#writes - ',
    why: 'until they are written nobody knows them',
    first: 'change, free, reuse',
  },
  {
    name: 'checksums of other pages entered',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'const checksum = this.#checksums[this.#next] ?? 0;',
    replace: 'const checksum = this.#checksums[this.#placed.length - 1 - this.#next] ?? 0;',
    why: 'the entry must tell the page that lies there from an older one',
    first: 'change, free, reuse',
  },
  {
    name: 'digest not kept up to date',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'if (!this.isNew(frame))',
    replace: 'if (this.isNew(frame))',
    why: 'the FCR must tell its own PAT copies from any others',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT pages of a new region not written',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'this.#cache.setCopy(frame, 1);\n      this.change(frame);',
    replace: 'this.#cache.setCopy(frame, 1);',
    why: 'every region has two PAT pages, used or not',
    first: 'growth over a region',
  },
  {
    name: 'space not reserved before it is written to',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'handle.beginWrite(zeroPieces',
    replace: 'void (zeroPieces',
    why: 'a full disk must be met before anything is written, and the file be as long as it says',
    first: 'growth over a region',
  },
  {
    name: 'what was foreseen taken for all that is needed',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: "this.#whenGrown = isForeseen ? 'reserve' : 'place';",
    replace: '',
    why: 'there may be more to write than was foreseen',
    first: 'growth foreseen',
  },
  {
    name: 'growth that was foreseen goes on behind a refusal',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'if (this.#growth !== undefined) this.#endGrowing();',
    replace: '',
    why: 'the file is as long as it was',
    first: 'growth foreseen',
  },
  {
    name: 'freed pages kept in the PAT',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'this.#supersede(table.move(space, page, 0, 0));',
    replace: 'this.#supersede(table.physicalOf(space, page));',
    why: 'what was freed must be gone',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT page that left the cache still looked for there',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'forget(patNumber: number): void {\n    this.#frames.clear(patNumber);',
    replace: 'forget(patNumber: number): void {\n    void patNumber;',
    why: 'its frame is another page by then',
    first: 'PAT pages leave the cache',
  },
  {
    name: 'PAT pages stamped with the generation before',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'table.sealChanged(frame, this.#generation)',
    replace: 'table.sealChanged(frame, this.#generation - 1)',
    why: 'they must not count before the flip',
    first: 'change, free, reuse',
  },
];

/** What belongs to a system transaction, and what to the next. */
const CUT_FAULTS: readonly SeededFault[] = [
  {
    name: 'page changed while it is being written',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (state === FRAME.WRITING) return this.#replace(space, page, frame);',
    replace: '',
    why: 'half of a later change would get into the system transaction',
    first: 'operations beside the system transaction',
  },
  {
    name: 'page written only if changed after it was given out',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#markDirty(frame);\n  }\n\n  #load',
    replace: '}\n\n  #load',
    why: 'an empty page is a page',
    first: 'empty pages, and a counter alone',
  },
  {
    name: 'operation on a counter alone not counted',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#beforeChange();\n    this.#control.counters[index] = value;',
    replace: 'this.#control.counters[index] = value;',
    why: 'whatever changes the FCR has to get to the disk',
    first: 'empty pages, and a counter alone',
  },
  {
    name: 'cut with the numbers of now',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'const record = copyControlRecord(this.#control);',
    replace: 'const record = this.#control;',
    why: 'operations after the cut would count as taken to the disk',
    first: 'operations beside the system transaction',
  },
  {
    name: 'freed pages dropped although given out again',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#freed.delete(pageKey(space, page));\n    const slab',
    replace: 'const slab',
    why: 'the page that has the number now would be lost',
    first: 'operations beside the system transaction',
  },
  {
    name: 'cut in the middle of an operation',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (this.#transaction.active || this.#changed || ',
    replace: 'if (this.#transaction.active || ',
    why: 'no half operation may get to the disk',
    first: 'operations larger than the cache has room for',
  },
  {
    name: 'another file’s frames cut',
    file: `${MICROKERNEL}/page-cache.ts`,
    find: 'if (slab.owner[slot] !== owner) continue;',
    replace: '',
    why: 'a frame freed by one file may hold a page of another by the time of the cut',
    first: 'two files, frames going back and forth',
  },
  {
    name: 'close without a last system transaction',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (this.#failure === undefined) this.#completeToClose();',
    replace: '',
    why: 'a file closed cleanly holds everything',
    first: 'sessions',
  },
  {
    name: 'file closed cleanly still says that it is in use',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#control.holder = undefined;',
    replace: '',
    why: 'its next opening would look for the holder’s log, and at every PAT page',
    first: 'in use and closed cleanly, as the file says it',
  },
  {
    name: 'dirty frames reused',
    file: `${MICROKERNEL}/page-cache.ts`,
    find: 'slab.state[slot] !== FRAME.CLEAN || slab.lastUse[slot]! >= pool.usedBefore',
    replace: 'slab.lastUse[slot]! >= pool.usedBefore',
    why: 'changes would be lost before a system transaction sees them',
    first: 'operations larger than the cache has room for',
  },
  {
    name: 'system transaction confined to the cache',
    file: `${MICROKERNEL}/page-cache.ts`,
    find: 'if (mayExceed) return this.#takeExtra(pool);',
    replace: '',
    why: 'it would wait for room that only it can make',
    first: 'no room in the cache for the PAT',
  },
  {
    name: 'PAT page beyond the cache still looked for there',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'this.#frames.clear(this.#cache.pageOf(frame));\n      this.#cache.release(frame);',
    replace: 'this.#cache.release(frame);',
    why: 'its memory is gone by then',
    first: 'no room in the cache for the PAT',
  },
  {
    name: 'numbers in use given out again after opening',
    file: `${MICROKERNEL}/logical-pages.ts`,
    find: 'if (physical !== 0) setBit',
    replace: 'if (physical === 0) setBit',
    why: 'what is in use stands in the PAT',
    first: 'sessions',
  },
  {
    name: 'skipped numbers not counted as free',
    file: `${MICROKERNEL}/logical-pages.ts`,
    find: 'counts.free += page - counts.pages;',
    replace: '',
    why: 'the count must be that of the PAT',
    first: 'certain numbers, skipped and free again',
  },
  {
    name: 'no search below the last number given out',
    file: `${MICROKERNEL}/logical-pages.ts`,
    find: 'counts.firstFree = counts.free === 0 ? pat : Math.min(counts.firstFree, pat);',
    replace: '',
    why: 'numbers that are free must be found',
    first: 'certain numbers, skipped and free again',
  },
  {
    name: 'frame of a freed page given back while it is being written',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.cache.setState(frame, FRAME.ORPHAN);\n      return;',
    replace: '',
    why: 'the disk would get what the frame holds next',
    first: 'history 2',
  },
  {
    name: 'regions that were full stay full',
    file: `${MICROKERNEL}/free-space.ts`,
    find: 'this.#full.clear(region);',
    replace: '',
    why: 'released pages must be found again',
    first: 'a full region has room again',
  },
  {
    name: 'region that was full stays full when it grows',
    file: `${MICROKERNEL}/free-space.ts`,
    find: 'this.#full.clear(this.#geometry.regionOf(fromPages - 1));',
    replace: '',
    why: 'the pages that it has grown by must be found',
    first: 'the last region is full, and grows',
  },
];

/** Creating, opening, claiming. */
const OPENING_FAULTS: readonly SeededFault[] = [
  {
    name: 'leftovers not retired',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#retireLeftovers();\n',
    replace: '\n',
    why: 'a PAT copy of a crash counts once the file reaches its generation by another way',
    first: 'operations beside the system transaction',
  },
  {
    name: 'leftovers retired and not synced',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#device.handle.sync();\n    const text',
    replace: 'const text',
    why: 'the flip of the claim makes their generation current',
    first: 'change, free, reuse',
  },
  {
    name: 'leftovers retired after the claim',
    file: `${MICROKERNEL}/page-file.ts`,
    find: `this.#retireLeftovers();
      this.#cutTail();
      // The log has nothing to add so far, whatever it still holds of the file. What stood there
      // before may be a number of another log, and higher.
      if (log !== undefined && !isRecovering) this.#control.appliedLsn = log.lastLsn;
      if (this.#isCopy && !isRecovering) this.#leaveTimeline();
      this.#control.holder = holder;
      this.#control.frozenBy = '';
      // Of a file that was in use before, transactions may have numbers.
      const record = this.#committedRecord();
      this.#controlPages.claim(record);`,
    replace: `this.#cutTail();
      // The log has nothing to add so far, whatever it still holds of the file. What stood there
      // before may be a number of another log, and higher.
      if (log !== undefined && !isRecovering) this.#control.appliedLsn = log.lastLsn;
      if (this.#isCopy && !isRecovering) this.#leaveTimeline();
      this.#control.holder = holder;
      this.#control.frozenBy = '';
      // Of a file that was in use before, transactions may have numbers.
      const record = this.#committedRecord();
      this.#controlPages.claim(record);
      this.#retireLeftovers();`,
    why: 'between the two the leftovers would be current',
    first: 'operations beside the system transaction',
  },
  {
    name: 'leftovers made blank, not marked as retired',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#device.write(retired,',
    replace: 'this.#device.write(new Uint8Array(retired.length),',
    why: 'a copy that was lost must not pass for one that never was',
    first: 'leftovers that nothing is written over',
  },
  {
    name: 'leftovers believed to be retired when they read so',
    file: `${MICROKERNEL}/file-opening.ts`,
    find: 'if (clean && isRetiredPat',
    replace: 'if (isRetiredPat',
    why: 'after a crash that does not mean that it is on disk',
    first: 'leftovers whose retirement never got to the disk',
  },
  {
    name: 'name of a new file not synced by who finds it',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (this.#control.generation === 1)',
    replace: 'if (this.#control.generation < 1)',
    why: 'who created it may have been killed before',
    first: 'killed at step 6 of creating, then power cut',
  },
  {
    name: 'leftover taken for current',
    file: `${MICROKERNEL}/page-device.ts`,
    find: 'if (generation <= expected.generation) return undefined;',
    replace: 'if (generation >= 0) return undefined;',
    why: 'a PAT copy newer than the FCR is of a system transaction that did not get to its end',
    first: 'change, free, reuse',
  },
  {
    name: 'PAT page of no generation preferred',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'if (copy < 0 || newer) copy = 1;',
    replace: 'copy = 1;',
    why: 'of two valid copies the newer one is current',
    first: 'change, free, reuse',
  },
  {
    name: 'no claim before the first change',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (!this.#claimed || this.#isStale) this.#claim();',
    replace: 'this.#claimed = true;',
    why: 'a crash would leave a file that says it was closed cleanly',
    first: 'change, free, reuse',
  },
  {
    name: 'tail not cut',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (this.#device.handle.size() > size) this.#device.handle.truncate(size);',
    replace: '',
    why: 'a crash while growing must not leave bytes that nobody knows',
    first: 'growth over a region',
  },
  {
    name: 'creation without a sync of the file',
    file: `${MICROKERNEL}/file-creation.ts`,
    find: 'handle.sync();\n    files.rename',
    replace: 'files.rename',
    why: 'a name must not lead to content that is not there',
    first: 'create',
  },
  {
    name: 'creation renames before it syncs',
    file: `${MICROKERNEL}/file-creation.ts`,
    find: 'handle.sync();\n    files.rename(temporary, path);',
    replace: 'files.rename(temporary, path);\n    handle.sync();',
    why: 'a name must not lead to content that is not there yet',
    first: 'create',
  },
  {
    name: 'creation without a sync of the directory',
    file: `${MICROKERNEL}/file-creation.ts`,
    find: 'files.syncDirectory(dirname(path));',
    replace: 'dirname(path);',
    why: 'a file that was reported created must be there',
    first: 'create',
  },
  {
    name: 'torn leftovers not retired',
    file: `${MICROKERNEL}/file-opening.ts`,
    find: 'if (choice.problems[other] === undefined) continue;',
    replace: "if (choice.problems[other]?.reason !== 'generation') continue;",
    why: 'in a file closed cleanly a bad copy is damage',
    first: 'leftovers that nothing is written over',
  },
  {
    name: 'temporary file of a crash left in the way',
    file: `${MICROKERNEL}/file-creation.ts`,
    find: 'files.remove(path);\n    } finally',
    replace: '} finally',
    why: 'a crash while creating a file must not prevent creating it',
    first: 'create beside leftovers',
  },
];

/** The disk is full. */
const REFUSAL_FAULTS: readonly SeededFault[] = [
  {
    name: 'freed pages forgotten when the disk is full',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (!this.#isInUse(key)) this.#freed.add(key);',
    replace: 'void key;',
    why: 'a refused system transaction is one that never was',
    first: 'disk full, nothing added, room again',
  },
  {
    name: 'changes forgotten when the disk is full',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'else this.#markDirty(frame);',
    replace: 'else this.cache.setState(frame, FRAME.CLEAN);',
    why: 'a refused system transaction is one that never was',
    first: 'disk full and room again',
  },
  {
    name: 'operations forgotten when the disk is full',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#operations += cut.operations;',
    replace: '',
    why: 'the next system transaction must know that there is something to do',
    first: 'disk full, nothing added, room again',
  },
  {
    name: 'file as long as the refused growth',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'this.#growth = undefined;\n    this.#cutTo(this.#parts.control.physicalPages);',
    replace: 'this.#growth = undefined;',
    why: 'a refusal gives back what it took',
    first: 'disk full, nothing added, room again',
  },
  {
    name: 'full disk taken for a failure',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (refusal !== undefined) return this.#refuse(refusal);',
    replace: '',
    why: 'when there is room again, work goes on',
    first: 'disk full and room again',
  },
  {
    name: 'full disk taken for a refusal whenever it is met',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: " && this.#phase === 'extend' && isDiskFull",
    replace: ' && isDiskFull',
    why: 'only growing can be undone',
    first: 'disk full while pages are written',
  },
];

/** The disk fails. */
const FAILURE_FAULTS: readonly SeededFault[] = [
  {
    name: 'failure of a begun write or sync overheard when asked',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'settled = this.#parts.device.handle.poll(this.#writesLeft());',
    replace: 'try { settled = this.#parts.device.handle.poll(); } catch { settled = true; }',
    why: 'what failed is not on disk, whatever the next call says',
    first: 'sync 4 of 8 failed (clean-new), opened anew, then power cut',
  },
  {
    name: 'failure of a begun write or sync overheard when waited for',
    file: `${MICROKERNEL}/system-transaction.ts`,
    find: 'this.#parts.device.handle.settle(this.#writesLeft());',
    replace: 'try { this.#parts.device.handle.settle(); } catch { return; }',
    why: 'what failed is not on disk, whatever the next call says',
    first: 'sync 3 of 8 failed (clean-new), opened anew, then power cut',
  },
  {
    name: 'file used on after a failure',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#fail(error);\n      return undefined;',
    replace: 'return undefined;',
    why: 'the system may have dropped what it could not write, and report success the next time',
    first: 'sync 3 of 8 failed (clean-new), opened anew, then power cut',
  },
  {
    name: 'file closed cleanly after a failure',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'if (this.#claimed && this.#failure === undefined) this.#closeCleanly();',
    replace: 'if (this.#claimed) this.#closeCleanly();',
    why: 'a file that failed is closed as a crash would close it',
    first: 'sync 3 of 8 failed (clean-new), opened anew, then power cut',
  },
];

/** The disk forgets, and does not say so. */
const DAMAGE_FAULTS: readonly SeededFault[] = [
  {
    name: 'checksum of the FCR not looked at',
    file: `${MICROKERNEL}/fcr.ts`,
    find: 'if (expected !== found) {',
    replace: 'if (expected < 0) {',
    why: 'a torn or damaged FCR must not be believed',
    first: 'in use and closed cleanly, as the file says it',
  },
  {
    name: 'checksum of a page not looked at',
    file: `${MICROKERNEL}/page-device.ts`,
    find: 'if (computed !== stored) {',
    replace: 'if (computed < 0) {',
    why: 'a torn or damaged page must not be believed',
    first: 'a disk that forgot',
  },
  {
    name: 'checksum in the PAT not looked at',
    file: `${MICROKERNEL}/page-device.ts`,
    find: 'stored !== expected.checksum) {',
    replace: 'stored < 0) {',
    why: 'a page that is whole and old must not be believed',
    first: 'a disk that forgot',
  },
  {
    name: 'digest not compared when a file is opened',
    file: `${MICROKERNEL}/file-opening.ts`,
    find: 'xor === control.patXor && sum === control.patSum',
    replace: 'xor + sum >= 0',
    why: 'PAT pages that are whole and old must not be believed',
    first: 'a disk that forgot',
  },
];

/** Closing a file makes it shorter. */
const TRIMMING_FAULTS: readonly SeededFault[] = [
  {
    name: 'pages cut off with the end of the file',
    file: `${MICROKERNEL}/trimming.ts`,
    find: 'this.#move(behind);\n    if (!this.#parts.space.isFreeFrom(kept)) return undefined;',
    replace: '',
    why: 'what is cut off is nowhere else',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'more pages moved than were written',
    file: `${MICROKERNEL}/trimming.ts`,
    find: 'this.#pagesFrom(kept, most)',
    replace: 'this.#pagesFrom(kept, most + Infinity)',
    why: 'closing is no more work than what was done before',
    first: 'closed files stay as long as they are',
  },
  {
    name: 'what was preallocated is trimmed',
    file: `${MICROKERNEL}/trimming.ts`,
    find: 'Math.max(1, preallocated, used',
    replace: 'Math.max(1, used',
    why: 'who asked for room wants to keep it',
    first: 'closed files stay as long as they are',
  },
  {
    name: 'free pages that were cut off are counted',
    file: `${MICROKERNEL}/trimming.ts`,
    find: 'control.freePhysical -=',
    replace: 'void',
    why: 'the FCR says how many there are',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'regions needed for numbers trimmed',
    file: `${MICROKERNEL}/trimming.ts`,
    find: 'Math.max(1, Math.ceil(highest / geometry.entries))',
    replace: 'Math.max(1, Math.ceil(0 * highest))',
    why: 'the table of a region tells of as many numbers, wherever the pages lie',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'digest of regions that are no more',
    file: `${MICROKERNEL}/page-table.ts`,
    find: 'this.#digest(patNumber, u32(this.#cache.slabOf(frame).view, checksum), -1);\n      this.#frames',
    replace: 'void checksum;\n      this.#frames',
    why: 'the FCR says which table it was written for',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'cut before the FCR says so',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'this.#control.generation++;\n      // In all copies',
    replace:
      'this.#device.handle.truncate(physicalPages * this.pageSize);\n      this.#control.generation++;\n      // In all copies',
    why: 'a file of which a part is missing is not opened',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'cut not on disk when the file is closed cleanly',
    file: `${MICROKERNEL}/page-file.ts`,
    find: "this.#device.handle.sync();\n    } catch (error) {\n      this.#fail(this.#device.writeError('giving back",
    replace: "} catch (error) {\n      this.#fail(this.#device.writeError('giving back",
    why: 'a file closed cleanly has nothing behind its last page',
    first: 'closed files get shorter, by some regions',
  },
  {
    name: 'one copy of the FCR says that the file is shorter',
    file: `${MICROKERNEL}/page-file.ts`,
    find: 'for (let copy = 0; copy < FCR_PAGES; copy++) this.#controlPages.flip',
    replace: 'this.#controlPages.flip',
    why: 'the others speak of pages that are no more',
    first: 'closed files get shorter, by some regions',
  },
];

export const SEEDED_FAULTS: readonly SeededFault[] = [
  ...FCR_FAULTS,
  ...PAGE_FAULTS,
  ...CUT_FAULTS,
  ...OPENING_FAULTS,
  ...REFUSAL_FAULTS,
  ...FAILURE_FAULTS,
  ...DAMAGE_FAULTS,
  ...TRIMMING_FAULTS,
];
