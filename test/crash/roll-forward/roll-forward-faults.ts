/**
 * Seeded faults: builds of the engine with one rule of roll-forward broken each. The tests of this folder must
 * find every one of them.
 */
import type { RecordFault } from '../records/record-faults.js';

const WORK = '../archival/roll-forward.ts';
const PLAN = '../archival/roll-forward-plan.ts';
const TARGET = '../archival/roll-forward-target.ts';
const LIVES = 'roll-forward: lives';

export const SEEDED_ROLL_FORWARD_FAULTS: readonly RecordFault[] = [
  {
    name: 'roll-forward ends one transaction before its target',
    file: TARGET,
    edits: [{ find: 'return lsn <= target.lsn;', put: 'return lsn < target.lsn;' }],
    why: 'a transaction that is named is in',
    first: LIVES,
  },
  {
    name: 'roll-forward goes one transaction beyond its target',
    file: TARGET,
    edits: [{ find: 'return lsn < target.lsn;', put: 'return lsn <= target.lsn;' }],
    why: 'a transaction before which it ends is not in',
    first: LIVES,
  },
  {
    name: 'participants are ignored',
    file: PLAN,
    edits: [
      {
        find: 'if (!scan.needsMoreThan(given)) continue;',
        put: 'if (scan.error !== null) continue;',
      },
    ],
    why: 'a transaction is in all files that were given, or in none',
    first: 'rule: whole transactions',
  },
  {
    name: 'the number of a file is not moved by what is rolled forward',
    file: WORK,
    edits: [
      {
        after: 'function redo(file: OpenFile',
        find: 'pages.pinChangeSeq(entry.changeSeq);',
        put: '',
      },
    ],
    why: 'it gets to the disk with what it counts, so that nothing is done twice',
    first: LIVES,
  },
  {
    name: 'the number of a file is moved before its change',
    file: WORK,
    edits: [
      {
        after: 'function redo(file: OpenFile',
        find: 'pages.pinChangeSeq(entry.changeSeq);',
        put: 'pages.pinChangeSeq(entry.changeSeq + 1);',
      },
    ],
    why: 'nothing is left out when it is begun again',
    first: LIVES,
  },
];
