/**
 * Seeded faults: builds of the engine with one rule of archival logs broken each. The tests of this folder
 * must find every one of them.
 */
import type { RecordFault } from '../records/record-faults.js';

const LOG = '../archival/archive-log.ts';
const OPENING = '../archival/archive-opening.ts';
const SYSTEM = 'system-transaction.ts';
const SMALL = 'archived: nothing logged, small bundles';

export const SEEDED_ARCHIVE_FAULTS: readonly RecordFault[] = [
  {
    name: 'the archive is on disk after the file',
    file: SYSTEM,
    edits: [
      { find: 'return this.#isArchived() && this.#whenSettled', put: 'return this.#whenSettled' },
    ],
    why: 'what the file holds its archival log holds',
    first: SMALL,
  },
  {
    name: 'the archive is not synced',
    file: LOG,
    edits: [{ find: 'if (this.#isUnsynced()) this.#segment?.handle.beginSync();', put: '' }],
    why: 'what the file holds its archival log holds',
    first: SMALL,
  },
  {
    name: 'the tail that a crash has left is not cut off',
    file: OPENING,
    edits: [{ find: 'cutTail(opening, handle, walk, end.at);', put: '' }],
    why: 'what is there is written over, and is no rest of something else',
    first: SMALL,
  },
  {
    name: 'what is above the file is skipped by its number alone',
    file: OPENING,
    edits: [{ find: 'if (!isOfCrash(frame, control)) end.isCrashTail = false;', put: '' }],
    why: 'an older copy is not taken for what a crash has left',
    first: 'rule: a restored copy',
  },
  {
    name: 'the generation is not looked at',
    file: OPENING,
    edits: [{ find: 'frame.generation === generation + 1 &&', put: '' }],
    why: 'a copy that was not closed is not taken for what a crash has left',
    first: 'rule: a restored copy',
  },
  {
    name: 'what is missing is not marked',
    file: LOG,
    edits: [
      {
        find: 'if (gap === undefined || gap.from > this.#takenAfter) return undefined;',
        put: 'if (gap !== null) return undefined;',
      },
    ],
    why: 'a gap says so',
    first: 'rule: a log that cannot be written',
  },
  {
    name: 'a removed log is not noticed',
    file: LOG,
    edits: [
      {
        find: 'else if (!segment.isInPlace(this.#options.ports.files)) this.#replace(segment);',
        put: '',
      },
    ],
    why: 'before an append the path names the segment',
    first: 'rule: a removed log',
  },
  {
    name: 'steps that change no record are not noted',
    file: LOG,
    edits: [{ find: 'else writer.addStep(changeSeq, this.#time());', put: '' }],
    why: 'every number is in the chain',
    first: 'archived: an index made and dropped between logged changes',
  },
  {
    name: 'times follow the clock back',
    file: LOG,
    edits: [
      {
        find: 'this.#lastTime = Math.max(this.#lastTime, wanted);',
        put: 'this.#lastTime = wanted;',
      },
    ],
    why: 'times never go back along the chain',
    first: 'rule: times',
  },
  {
    name: 'what a crash took from the log does not come again',
    file: '../logging/recovery.ts',
    edits: [{ find: 'archiveAgain(file, transaction, part);', put: '' }],
    why: 'redo is archived as the changes were',
    first: 'archived: recovery of two files',
  },
];
