/**
 * Seeded faults: builds of the engine with one rule of continuous operation broken each. The crash tests of
 * this folder must find every one of them.
 */
import type { RecordFault } from '../records/record-faults.js';

const OPERATIONS = '../contops/continuous-operations.ts';
const OVERLAY = 'continuous/overlay-handle.ts';
const DELTA = 'continuous/delta-file.ts';
const PAGES = 'page-file.ts';
const SPACE = 'free-space.ts';
const ROLL_IN = 'continuous/roll-in.ts';

const END = 'endbu of 1 file, durable';
const START = 'startbu of 3 files, durable';

export const SEEDED_CONTINUOUS_FAULTS: readonly RecordFault[] = [
  {
    name: 'the delta goes before the control record is there',
    file: PAGES,
    edits: [
      { find: 'return work.finish(record);', put: 'removeDelta(); return work.finish(record);' },
      { after: 'this.#controlPages.follow(controlPages);', find: 'removeDelta();', put: '' },
    ],
    why: 'until the data file has everything, the delta is what there is',
    first: END,
  },
  {
    name: 'pages of the frozen generation are used again',
    file: SPACE,
    edits: [{ find: 'this.#frozen?.uses(first + bit) === true', put: 'first < 0' }],
    why: 'rolling in would write over the frozen file',
    first: 'endbu after a kill, 1 file',
  },
  {
    name: 'files are listed one after the other',
    file: OPERATIONS,
    edits: [
      {
        find: 'sets.set([...before, ...started.map((each) => entryOf(each))]);',
        put: 'for (const each of started) sets.set([...sets.all, entryOf(each)]);',
      },
    ],
    why: 'all files of a call are put in, or none',
    first: START,
  },
  {
    name: 'the directory is not synced after the delta has gone',
    file: OPERATIONS,
    edits: [
      {
        after: 'const steps = file.pages.rollIn(',
        find: 'disk.syncDirectory(dirname(delta));',
        put: '',
      },
    ],
    why: 'a delta that comes back belongs to no file any more',
    first: END,
  },
  {
    name: 'a file is listed before the name of its delta is on disk',
    file: OPERATIONS,
    edits: [{ find: 'this.#parts.disk.syncDirectory(directory);', put: '' }],
    why: 'what is listed must be there',
    first: 'in and out, twice, 1 file',
  },
  {
    name: 'a delta gets its name before it is on disk',
    file: DELTA,
    edits: [{ find: 'delta.sync();', put: '' }],
    why: 'a delta is whole when it has its name',
    first: START,
  },
  {
    name: 'pages written since a pass are forgotten',
    file: OVERLAY,
    edits: [{ find: 'this.#written?.add(page);', put: '' }],
    why: 'writers go on beside the passes',
    first: 'endbu in steps, beside a writer, 1 file, durable',
  },
  {
    name: 'an interrupted end is not gone on with',
    file: OPERATIONS,
    edits: [
      {
        find: "if (entry?.state !== 'ending' || this.#busy.has(entry.path)) return;",
        put: 'if (entry !== undefined) return;',
      },
    ],
    why: 'no operator is needed after a crash',
    first: END,
  },
  {
    name: 'the frozen file still says who has it in use',
    file: PAGES,
    edits: [
      {
        after: 'this.#closeCleanly(() => this.#committedRecord());',
        find: 'this.#claimed = false;',
        put: '',
      },
    ],
    why: 'what is changed in the delta must be said to be in use there',
    first: START,
  },
  {
    name: 'PAT pages are rolled in over the copies that the frozen file uses',
    file: ROLL_IN,
    edits: [
      {
        find: 'places[1 - frozenPages.copyOf(patNumber)]',
        put: 'places[frozenPages.copyOf(patNumber)]',
      },
    ],
    why: 'the data file is the frozen one until its new FCR is on disk',
    first: END,
  },
  {
    name: 'a delta that was rolled in is rolled in again',
    file: OPERATIONS,
    edits: [
      { after: 'const steps = file.pages.rollIn(', find: 'disk.remove(delta);', put: '' },
      { after: '*#rollIn(file: OpenFile', find: 'sets.remove(path);', put: '' },
    ],
    why: 'what was rolled in has gone, or the file would go back to it',
    first: END,
  },
  {
    name: 'a claim counts pages that open transactions have taken',
    file: PAGES,
    edits: [
      {
        find: 'this.#controlPages.claim(record);',
        put: 'this.#controlPages.claim(this.#control);',
      },
    ],
    why: 'who is killed then has too few free numbers, and can not be written any more',
    first: 'beside a transaction that has taken pages',
  },
];
