/**
 * Seeded faults of pages that transactions change: each breaks one rule of borrowing, and the random lives of
 * `private-life.ts` must find it.
 */
import type { RecordFault } from '../records/record-faults.js';

const PRIVATE = 'private-pages.ts';
const UNDO = 'undo-list.ts';
const FILE = 'page-file.ts';
const SYSTEM = 'system-transaction.ts';

type PrivateFault = Omit<RecordFault, 'first'>;

const FAULTS: readonly PrivateFault[] = [
  {
    name: 'settled with the changes of the transaction',
    file: PRIVATE,
    edits: [
      {
        after: 'cache.copyPage(frame, committed);',
        find: 'this.#undo(view, space, page, committed);',
        put: 'view.borrowed[space].delete(page);',
      },
    ],
    why: 'nobody else sees anything of a transaction before it ends',
  },
  {
    name: 'given back with the changes of the transaction',
    file: PRIVATE,
    edits: [
      {
        after: '#return(view',
        find: 'this.#undo(view, space, page, frame);',
        put: 'view.borrowed[space].delete(page);',
      },
    ],
    why: 'what is aborted has not been',
  },
  {
    name: 'cut without what is borrowed',
    file: FILE,
    edits: [{ after: '#cut(): void {', find: 'this.#settleToCut();', put: '' }],
    why: 'a generation has all that was committed before it',
  },
  {
    name: 'a step over borrowed pages',
    file: PRIVATE,
    edits: [{ after: 'beginStep(owner', find: 'this.settleAll();', put: '' }],
    why: 'a step that is dropped leaves the pages below it as they were',
  },
  {
    name: 'a committed page read from the disk while it is borrowed',
    file: FILE,
    edits: [{ find: 'this.#work.settlePage(space, page);', put: '' }],
    why: 'what is dirty is newer than what is on the disk',
  },
  {
    name: 'a change that nobody announced, of a borrowed page',
    file: PRIVATE,
    edits: [
      {
        find: 'if (cache.stateOf(own) === FRAME.BORROWED) this.#settle(view, space, page);',
        put: '',
      },
    ],
    why: 'only what is noted can be undone',
  },
  {
    name: 'a page that is being written is borrowed',
    file: PRIVATE,
    edits: [
      { find: 'if (state === FRAME.CLEAN) return', put: 'if (state !== FRAME.DIRTY) return' },
    ],
    why: 'the disk gets what was committed at the cut',
  },
  {
    name: 'a step borrows',
    file: PRIVATE,
    edits: [
      { find: 'view.isStep ? FRAME.WRITING : cache.stateOf(from)', put: 'cache.stateOf(from)' },
    ],
    why: 'a step goes without a trace if it fails',
  },
  {
    name: 'what was settled is not written',
    file: FILE,
    edits: [{ find: 'if (isAnother) this.#dirty.push(frame);', put: '' }],
    why: 'every dirty page is in the next cut',
  },
  {
    name: 'a borrowed page counts twice when it is published',
    file: FILE,
    edits: [
      {
        after: 'if (this.cache.stateOf(frame) === FRAME.BORROWED) {',
        find: 'this.cache.setState(frame, FRAME.DIRTY);',
        put: 'this.#markDirty(frame);',
      },
    ],
    why: 'the number of dirty pages decides when they are written',
  },
  {
    name: 'rows are not moved back',
    file: UNDO,
    edits: [{ find: 'if (by !== 0) slab.move(from, from + by, end - from);', put: '' }],
    why: 'an index page is what it was before',
  },
  {
    name: 'bytes are not put back',
    file: UNDO,
    edits: [{ find: 'if (size > 0) slab.bytes.set', put: 'if (size < 0) slab.bytes.set' }],
    why: 'a record is what it was before',
  },
  {
    name: 'the count of rows is not put back',
    file: UNDO,
    edits: [{ find: 'if (by !== 0) setU16', put: 'if (by > 0) setU16' }],
    why: 'an index page has as many rows as before',
  },
  {
    name: 'undone in the order in which it was done',
    file: UNDO,
    edits: [
      {
        find: 'entries[at + ENTRY.previous] = last;',
        put: 'entries[at + ENTRY.previous] = NO_ENTRY; if (last !== NO_ENTRY) { let first = last; while (entries[first + ENTRY.previous]! !== NO_ENTRY) first = entries[first + ENTRY.previous]!; entries[first + ENTRY.previous] = at; this.#used = at + ENTRY.size; }',
      },
      {
        after: 'this.#used = at + ENTRY.size;',
        find: 'return at;',
        put: 'return last === NO_ENTRY ? at : last;',
      },
    ],
    why: 'what was changed last is undone first',
  },
  {
    name: 'a page clean before it is written',
    file: SYSTEM,
    edits: [{ find: 'return this.#writes - 1 - ', put: 'return this.#writes - ' }],
    why: 'what is on its way to the disk does not change',
  },
  {
    name: 'a page that was just written believed only of the generation before',
    file: SYSTEM,
    edits: [{ find: 'return this.active ? this.#generation : ', put: 'return ' }],
    why: 'it may leave the cache before the generation is complete',
  },
  {
    name: 'pages clean once more when all is over',
    file: SYSTEM,
    edits: [
      {
        find: 'for (; this.#settled < frames',
        put: 'for (this.#settled = 0; this.#settled < frames',
      },
    ],
    why: 'they may have been changed since they were written',
  },
];

export const SEEDED_PRIVATE_FAULTS: readonly RecordFault[] = FAULTS.map((fault) => ({
  ...fault,
  first: 'lives',
}));
