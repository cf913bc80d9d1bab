/**
 * Seeded faults: builds of the engine with one rule above pages broken each. The tests of this folder
 * must find every one of them, for a test that cannot fail proves nothing.
 *
 * Owns the list, and how a fault is put into a source. What is looked for is a piece of one line, so
 * that little of a source can change without its faults staying good; one that fits nothing, or more
 * than one place, says so. Who changes the engine brings the fault up to date, or takes it out
 * together with the rule.
 */
import { posix } from 'node:path';
import type { FaultToFind } from '../../support/faults/suite.js';

/** A change of one line. */
interface Edit {
  /** The beginning of a line, without its indent, behind which the first `find` counts. */
  readonly after?: string;
  /** Without `after` it is in the source once. */
  readonly find: string;
  readonly put: string;
  /** At the end of the line. */
  readonly append?: string;
}

export interface RecordFault {
  readonly name: string;
  /** From `src/microkernel`. */
  readonly file: string;
  /** One, or two where something is done at another place. */
  readonly edits: readonly Edit[];
  /** What the rule is good for. */
  readonly why: string;
  /** What is tried first: a scenario, or with failing calls, or on a full disk. The others follow. */
  readonly first: string;
}

/** A source with a fault. Throws, and says what to do, if it no longer fits. */
export function putFault(source: string, { name, file, edits }: RecordFault): string {
  const lines = source.split('\n');
  for (const edit of edits) {
    const at = placeOf(lines, edit);
    if (typeof at === 'string') {
      throw new Error(
        `fault '${name}': ${at} in src/microkernel/${file}. The source has changed: bring the fault ` +
          'up to date in test/crash/records/record-faults.ts, or take it out with the rule',
      );
    }
    const line = lines[at] ?? '';
    lines[at] = line.replace(edit.find, () => edit.put) + (edit.append ?? '');
  }
  return lines.join('\n');
}

/** As the tests of faults take them. */
export function seeded(faults: readonly RecordFault[]): FaultToFind[] {
  return faults.map((fault) => ({
    name: fault.name,
    file: posix.join('src/microkernel', fault.file),
    put: (source) => putFault(source, fault),
    first: fault.first,
  }));
}

/** The number of the line, or why there is none. */
function placeOf(lines: readonly string[], { after, find }: Edit): number | string {
  const finds = numbersOf(lines, (line) => line.includes(find));
  if (after === undefined) {
    const [only] = finds;
    if (finds.length === 1 && only !== undefined) return only;
    return finds.length === 0 ? `anchor not found: ${find}` : `${finds.length} anchors: ${find}`;
  }
  const begins = numbersOf(lines, (line) => line.trimStart().startsWith(after));
  const [begin] = begins;
  if (begin === undefined) return `anchor not found: ${after}`;
  if (begins.length > 1) return `${begins.length} anchors: ${after}`;
  return finds.find((number) => number >= begin) ?? `anchor not found behind '${after}': ${find}`;
}

function numbersOf(lines: readonly string[], matches: (line: string) => boolean): number[] {
  return lines.flatMap((line, number) => (matches(line) ? [number] : []));
}

const CODEC = 'definition/definition-codec.ts';
const CREATE = 'files/create-file.ts';
const DATA = 'files/data-file.ts';
const INDEXES = 'files/indexes.ts';
const LONG = 'records/long-part.ts';
const OPEN = 'files/open-file.ts';
const RECORDS = 'records/record-store.ts';
const SLOTS = 'records/record-slots.ts';
const STORED = 'files/definition-pages.ts';
const TABLE = 'files/file-table.ts';
const TREE = 'trees/b-tree.ts';
const VARIABLE = 'records/variable-store.ts';

/** Records and their indexes in step. */
const RECORD_FAULTS: readonly RecordFault[] = [
  {
    name: 'update leaves the old row in the index',
    file: DATA,
    edits: [
      {
        after:
          'pages.reserve(records.pagesToUpdate(length) + (moves ? this.#treePages(true) : 0));',
        find: 'if (moves) this.#leave(true);',
        put: '',
      },
    ],
    why: 'a record is in each index once',
    first: 'keys changed',
  },
  {
    name: 'removal leaves the rows in the indexes',
    file: DATA,
    edits: [{ find: 'this.#leave(false);', put: '' }],
    why: 'an index leads to records that exist',
    first: 'deleted one by one',
  },
  {
    name: 'update enters only the first key that moved',
    file: DATA,
    edits: [
      {
        after: '#enter(address: number',
        find: 'key.tree.insert(key.row, key.lookedFor);',
        put: 'key.tree.insert(key.row, key.lookedFor); if (onlyMoved) return;',
      },
    ],
    why: 'a record is in each index',
    first: 'keys changed',
  },
  {
    name: 'sequence not stored in the record',
    file: DATA,
    edits: [{ find: 'setU53(slots.view, slots.at + key.sequenceAt, sequence);', put: '' }],
    why: 'the row of a record can be made from it',
    first: 'records inserted one by one',
  },
  {
    name: 'sequence given out twice',
    file: DATA,
    edits: [
      {
        after: '#nextSequence(',
        find: 'return sequence;',
        put: 'return sequence - (sequence % 2);',
      },
    ],
    why: 'equal keys stay in the order in which they came',
    first: 'records inserted one by one',
  },
  {
    name: 'sequence of a key that did not move given anew',
    file: DATA,
    edits: [
      {
        after: '#enter(address: number',
        find: 'if (onlyMoved && !key.moves) continue;',
        put: 'if (onlyMoved && !key.moves) { this.#nextSequence(key); continue; }',
      },
    ],
    why: 'the row of a record can be made from it',
    first: 'keys not changed',
  },
  {
    name: 'system key not stored',
    file: DATA,
    edits: [{ find: 'setU53(slots.view, slots.at + this.#systemKeyAt, value);', put: '' }],
    why: 'the hidden number is unique',
    first: 'mixed, counting',
  },
  {
    name: 'count of records not taken up',
    file: DATA,
    edits: [
      {
        after: 'this.#enter(address, false);',
        find: 'pages.setCounter(COUNTER.RECORDS, this.recordCount + 1);',
        put: '',
      },
    ],
    why: 'the count is that of the records',
    first: 'records inserted one by one',
  },
  {
    name: 'count of records not taken down',
    file: DATA,
    edits: [{ find: 'pages.setCounter(COUNTER.RECORDS, this.recordCount - 1);', put: '' }],
    why: 'the count is that of the records',
    first: 'deleted one by one',
  },
  {
    name: 'operation ends between leaving and entering',
    file: DATA,
    edits: [
      {
        after:
          'pages.reserve(records.pagesToUpdate(length) + (moves ? this.#treePages(true) : 0));',
        find: 'if (moves) this.#leave(true);',
        put: 'if (moves) this.#leave(true); pages.endOperation();',
      },
    ],
    why: 'half an operation never gets to the disk',
    first: 'keys changed',
  },
  {
    name: 'operation ends before the count is set',
    file: DATA,
    edits: [
      {
        find: 'this.#enter(address, false);',
        put: 'this.#enter(address, false); pages.endOperation();',
      },
    ],
    why: 'half an operation never gets to the disk',
    first: 'records inserted one by one',
  },
  {
    name: 'pieces of keys overwritten in place',
    file: DATA,
    edits: [{ find: 'pieces.some((piece) => this.#touchesKey(piece))', put: 'pieces.length < 0' }],
    why: 'an index has what is in the record',
    first: 'pieces that keys are made of',
  },
  {
    name: 'uniqueness looked at only when inserting',
    file: DATA,
    edits: [
      {
        find: 'if (key.isUnique && !key.isNull) this.#assertUnique(key, NO_ADDRESS);',
        put: 'void key;',
      },
    ],
    why: 'what is refused is refused before the first change',
    first: 'refused, and gone on',
  },
  {
    name: 'an insertion that failed half way goes on',
    file: DATA,
    edits: [
      {
        after: 'this.#enter(address, false);',
        find: 'throw pages.failOperation(error);',
        put: 'throw error;',
      },
    ],
    why: 'half an operation is never seen, nor written',
    first: 'small cache, failing calls',
  },
  {
    name: 'an update that failed half way goes on',
    file: DATA,
    edits: [
      {
        after:
          'pages.reserve(records.pagesToUpdate(length) + (moves ? this.#treePages(true) : 0));',
        find: 'throw pages.failOperation(error);',
        put: 'throw error;',
      },
    ],
    why: 'half an operation is never seen, nor written',
    first: 'small cache, failing calls',
  },
  {
    name: 'a removal that failed half way goes on',
    file: DATA,
    edits: [
      {
        after: 'this.#leave(false);',
        find: 'throw pages.failOperation(error);',
        put: 'throw error;',
      },
    ],
    why: 'half an operation is never seen, nor written',
    first: 'one removed, with a part, failing calls',
  },
  {
    name: 'operation ends before the count is taken down',
    file: DATA,
    edits: [{ find: 'records.remove();', put: 'records.remove(); pages.endOperation();' }],
    why: 'half an operation never gets to the disk',
    first: 'mixed, fixed',
  },
];

/** Slots, variable parts and trees. */
const PLACE_FAULTS: readonly RecordFault[] = [
  {
    name: 'head of the list of pages with free slots not set',
    file: SLOTS,
    edits: [
      {
        after: 'free(address: number)',
        find: 'this.#view.setCounter(COUNTER.FREE_DATA_PAGE, page + 1);',
        put: '',
      },
    ],
    why: 'a page with free slots is in the list',
    first: 'many records in one system transaction',
  },
  {
    name: 'freed slot not in the chain',
    file: SLOTS,
    edits: [
      {
        after: 'free(address: number)',
        find: 'setU16(view, base + DATA_PAGE.firstFreeSlot, slot);',
        put: '',
      },
    ],
    why: 'a free slot is found again',
    first: 'mixed, data only',
  },
  {
    name: 'slot given out while it is in the chain',
    file: SLOTS,
    edits: [
      {
        after: 'take(): number',
        find: 'setU16(view, base + DATA_PAGE.firstFreeSlot, next);',
        put: 'void next;',
      },
    ],
    why: 'an address is one record',
    first: 'mixed, data only',
  },
  {
    name: 'pointer to the variable part not changed when it moves',
    file: RECORDS,
    edits: [
      {
        after: 'this.variable.replace(page, index, old, data',
        find: 'this.#point(stored, variable);',
        put: 'void [stored, variable];',
      },
    ],
    why: 'a record leads to its variable part',
    first: 'fragments move to and fro',
  },
  {
    name: 'old fragment left when it moves',
    file: VARIABLE,
    edits: [
      {
        after: 'copyBytes(this.#shared.bytes, at, this.#carried, 0, keep);',
        find: 'this.#shared.remove(index, size);',
        put: '',
      },
    ],
    why: 'nothing is in a page that no record leads to',
    first: 'fragments move to and fro',
  },
  {
    name: 'fragment freed twice when it moves',
    file: VARIABLE,
    edits: [
      {
        after: 'copyBytes(this.#shared.bytes, at, this.#carried, 0, keep);',
        find: 'this.#shared.remove(index, size);',
        put: 'this.#shared.remove(index, size); if (!this.#shared.isEmpty) this.#shared.remove(index, size);',
      },
    ],
    why: 'another fragment may have its place by then',
    first: 'fragments move to and fro',
  },
  {
    name: 'variable part left when its record is removed',
    file: RECORDS,
    edits: [
      {
        find: 'this.variable.remove(page, index, this.#storedLength());',
        put: 'void [page, index];',
      },
    ],
    why: 'nothing is in a page that no record leads to',
    first: 'all deleted, and begun again',
  },
  {
    name: 'empty variable page not freed',
    file: VARIABLE,
    edits: [{ find: 'if (isEmpty) this.#shared.free();', put: '' }],
    why: 'every page belongs to something',
    first: 'all deleted, and begun again',
  },
  {
    name: 'pages of a part not freed when it is cut',
    file: LONG,
    edits: [{ find: 'this.#release(pages, keep);', put: '' }],
    why: 'every page belongs to something',
    first: 'parts get tables, and lose them',
  },
  {
    name: 'root of a part not stored when it grows',
    file: VARIABLE,
    edits: [
      {
        after: 'append(',
        find: 'this.#storeRoot(page, index, length);',
        put: 'this.#point(page, index);',
      },
    ],
    why: 'the root leads to all pages of a part',
    first: 'pieces of long records',
  },
  {
    name: 'leaf not linked behind the one it was split from',
    file: TREE,
    edits: [{ find: 'if (level === 0) this.#linkBehind(left, right);', put: '' }],
    why: 'leaves are linked in order',
    first: 'splits, deep',
  },
  {
    name: 'joined leaf left in the links',
    file: TREE,
    edits: [{ find: 'this.#unlink(left, right);', put: '' }],
    why: 'leaves are linked in order',
    first: 'merges, deep',
  },
  {
    name: 'joined page not freed',
    file: TREE,
    edits: [{ find: 'this.#view.free(SPACE.OTHER, right);', put: '' }],
    why: 'every page belongs to something',
    first: 'merges, deep',
  },
  {
    name: 'separator not brought up to date',
    file: TREE,
    edits: [{ find: 'this.#bringUp(parent, leftSlot + 1, right, level);', put: '' }],
    why: 'a row is found by the separators above it',
    first: 'merges, balanced',
  },
  {
    name: 'entries of an index not counted when they go',
    file: TREE,
    edits: [{ find: 'this.#addToRoot(-1, isDistinct ? -1 : 0);', put: '' }],
    why: 'the counts are those of the rows',
    first: 'deleted one by one',
  },
  {
    name: 'records of a page not counted down',
    file: SLOTS,
    edits: [
      {
        after: 'free(address: number)',
        find: 'u16(view, base + PAGE_HEADER.count) - 1',
        put: 'u16(view, base + PAGE_HEADER.count)',
      },
    ],
    why: 'a page without records can be told',
    first: 'one removed, failing calls',
  },
];

/** Indexes made and dropped. */
const INDEX_FAULTS: readonly RecordFault[] = [
  {
    name: 'index in use before it is filled',
    file: INDEXES,
    edits: [
      {
        find: 'return plan(root, INDEX_STATE.BUILDING);',
        put: 'return plan(root, INDEX_STATE.IN_USE);',
      },
    ],
    why: 'a crash may come before it is complete',
    first: 'index made, repeating',
  },
  {
    name: 'index in use before it is on disk',
    file: OPEN,
    edits: [{ after: 'change(work:', find: 'pages.complete();', put: '' }],
    why: 'what was reported done is on disk',
    first: 'index refused, for there are duplicates',
  },
  {
    name: 'leftover of a half-built index not dropped',
    file: TABLE,
    edits: [{ find: 'finishDropping(file);', put: '' }],
    why: 'nobody ends what a crash left',
    first: 'index made, repeating',
  },
  {
    name: 'index dropped in one step, its pages later',
    file: INDEXES,
    edits: [
      {
        find: 'open.changeOrNot(withDropping(stored, index, key, renumber));',
        put: 'open.changeOrNot(without(stored, index));',
      },
    ],
    why: 'whoever comes after a crash finds the pages by the definition',
    first: 'index dropped',
  },
  {
    name: 'pages of an index freed while it is in use',
    file: INDEXES,
    edits: [
      {
        find: 'open.changeOrNot(withDropping(stored, index, key, renumber));',
        put: 'open.stored = withDropping(stored, index, key, renumber);',
      },
    ],
    why: 'a crash before the end must not leave half an index in use',
    first: 'large index dropped',
  },
  {
    name: 'root freed before the definition is without it',
    file: INDEXES,
    edits: [
      {
        find: 'pages.free(SPACE.OTHER, tree.shape.root);',
        put: 'pages.free(SPACE.OTHER, tree.shape.root); pages.endOperation(); pages.prepare();',
      },
    ],
    why: 'who is to end it finds the tree by its root',
    first: 'large index dropped',
  },
  {
    name: 'keys renumbered only when all is done',
    file: INDEXES,
    edits: [{ find: 'if (!renumber) return', put: 'if (renumber || !renumber) return' }],
    why: 'who ends it after a crash does not know of it',
    first: 'index dropped',
  },
  {
    name: 'an index that was refused not taken back',
    file: INDEXES,
    edits: [{ find: 'if (root >= 0) giveUp(open, made().tree, before);', put: '' }],
    why: 'the file is as it was',
    first: 'index refused, for there are duplicates',
  },
  {
    name: 'new index of linked duplicates does not number them',
    file: INDEXES,
    edits: [{ find: 'setU53(view, at + key.sequenceAt, sequence);', put: 'void [view, at];' }],
    why: 'the row of a record can be made from it',
    first: 'index made, linked',
  },
  {
    name: 'new index leaves out the end of each batch',
    file: INDEXES,
    edits: [{ find: 'of order.subarray(from, end)', put: 'of order.subarray(from, end - 1)' }],
    why: 'every record is in the index',
    first: 'index made, unique',
  },
  {
    name: 'definition stored in an operation of its own',
    file: OPEN,
    edits: [
      {
        after: 'change(work:',
        find: 'stored = work();',
        put: 'stored = work(); pages.endOperation(); pages.prepare();',
      },
    ],
    why: 'a page and what leads to it come together',
    first: 'index made, unique',
  },
  {
    name: 'definition not stored',
    file: OPEN,
    edits: [{ find: 'storeDefinition(pages, definition);', put: 'void storeDefinition;' }],
    why: 'a file says what it is',
    first: 'index made, unique',
  },
  {
    name: 'old definition forgotten when the new one failed',
    file: OPEN,
    edits: [{ find: 'if (!isForWantOfRoom(error)) this.#adopt(before);', put: '' }],
    why: 'what was not done does not show',
    first: 'owner of mode 0 set, failing calls',
  },
  {
    name: 'an index for which there was no room not taken back',
    file: INDEXES,
    edits: [
      {
        find: 'if (root >= 0) giveUp',
        put: 'if (root >= 0 && !(error instanceof BtrieveError && error.status === 18)) giveUp',
      },
    ],
    why: 'what was refused is not done',
    first: 'disk full while an index is made',
  },
  {
    name: 'index never said to be in use',
    file: INDEXES,
    edits: [
      {
        find: 'open.change(() => plan(root, INDEX_STATE.IN_USE));',
        put: 'open.change(() => plan(root, INDEX_STATE.BUILDING));',
      },
    ],
    why: 'who made it wants to use it',
    first: 'one index made, failing calls',
  },
  {
    name: 'root of a dropped index forgotten',
    file: INDEXES,
    edits: [{ find: 'pages.free(SPACE.OTHER, tree.shape.root);', put: '' }],
    why: 'every page belongs to something',
    first: 'index dropped',
  },
  {
    name: 'pages of a dropped index forgotten',
    file: INDEXES,
    edits: [{ find: 'done = tree.uproot(BATCH);', put: 'done = true;' }],
    why: 'every page belongs to something',
    first: 'large index dropped',
  },
  {
    name: 'half-built index stored as one in use',
    file: CODEC,
    edits: [
      {
        find: 'bytes[DEFINITION_KEY.state] = own.state;',
        put: 'bytes[DEFINITION_KEY.state] = INDEX_STATE.IN_USE;',
      },
    ],
    why: 'a crash may come before it is complete',
    first: 'index made, repeating',
  },
  {
    name: 'half-built index of system keys stored as one in use',
    file: CODEC,
    edits: [
      {
        find: 'bytes[DEFINITION.systemKeyState] = systemKey.state;',
        put: 'bytes[DEFINITION.systemKeyState] = INDEX_STATE.IN_USE;',
      },
    ],
    why: 'a crash may come before it is complete',
    first: 'index of system keys dropped and made again',
  },
  {
    name: 'sequence of a slot given to two keys',
    file: CODEC,
    edits: [
      {
        find: 'if (!keys.some((key) => key.sequence === sequence)) return sequence;',
        put: 'return sequence;',
      },
    ],
    why: 'each linked key orders its duplicates by its own',
    first: 'index made, linked',
  },
  {
    name: 'page that a shorter definition leaves not freed',
    file: STORED,
    edits: [
      {
        find: 'for (const page of pages.splice(wanted)) view.free(SPACE.OTHER, page);',
        put: 'pages.splice(wanted);',
      },
    ],
    why: 'every page belongs to something',
    first: 'definition gets shorter by pages',
  },
];

/** Owners, and what lies in the file then. */
const OWNER_FAULTS: readonly RecordFault[] = [
  {
    name: 'free pages not overwritten when encrypting',
    file: OPEN,
    edits: [{ find: 'this.pages.scrub();', put: '' }],
    why: 'no plain text is left in the file',
    first: 'owner of mode 2 set',
  },
  {
    name: 'free pages overwritten when the file says that it is done',
    file: OPEN,
    edits: [
      { find: 'this.pages.scrub();', put: '' },
      {
        after: 'finishEncrypting(): void',
        find: 'this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });',
        put: 'this.changeOrNot({ ...this.stored, owner: { ...owner, flags } }); this.pages.scrub();',
      },
    ],
    why: 'somebody must end it after a crash',
    first: 'owner of mode 2 set',
  },
  {
    name: 'pages not written anew when encrypting',
    file: OPEN,
    edits: [{ after: 'finishEncrypting(): void', find: 'this.#rewrite();', put: '' }],
    why: 'all pages are encrypted',
    first: 'owner of mode 3 set',
  },
  {
    name: 'pages of indexes not written anew',
    file: OPEN,
    edits: [{ find: '[SPACE.DATA, SPACE.OTHER] as const', put: '[SPACE.DATA] as const' }],
    why: 'all pages are encrypted',
    first: 'owner of mode 2 set',
  },
  {
    name: 'encryption said to be finished from the beginning',
    file: OPEN,
    edits: [
      { after: 'setOwner(', find: 'owner.flags | OWNER_FLAG.UNFINISHED', put: 'owner.flags' },
    ],
    why: 'somebody must end it after a crash',
    first: 'owner of mode 2 set',
  },
  {
    name: 'encryption not gone on with after a crash',
    file: TABLE,
    edits: [{ find: 'file.finishEncrypting();', put: '' }],
    why: 'no plain text is left in the file',
    first: 'owner of mode 2 set',
  },
  {
    name: 'decryption not said to be unfinished',
    file: OPEN,
    edits: [
      {
        after: 'clearOwner(): void',
        find: 'this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });',
        put: 'void flags;',
      },
    ],
    why: 'some pages are plain by then',
    first: 'owner of mode 2 cleared',
  },
  {
    name: 'owner gone before the pages are plain',
    file: OPEN,
    edits: [{ after: 'clearOwner(): void', find: 'this.#rewrite();', put: '' }],
    why: 'without the owner nobody has the key',
    first: 'owner of mode 2 cleared',
  },
  {
    name: 'owner name in memory only',
    file: OPEN,
    edits: [
      {
        after: 'const owner = makeOwner(this.#random, name, mode, isLong, this.#rootKey);',
        find: 'this.changeOrNot({ ...this.stored, owner });',
        put: 'this.stored = { ...this.stored, owner };',
      },
    ],
    why: 'what was reported done is on disk',
    first: 'owner of mode 0 set',
  },
  {
    name: 'encryption that found no room not gone on with',
    file: OPEN,
    edits: [{ after: 'setOwner(', find: 'this.#useCipher(name);', put: 'throw this.#hasOwner();' }],
    why: 'when there is room again, work goes on',
    first: 'disk full while an owner is set and cleared',
  },
  {
    name: 'encryption gone on with by who only decrypts',
    file: OPEN,
    edits: [{ after: 'setOwner(', find: 'this.#useCipher(name);', put: '' }],
    why: 'no plain text is left in the file',
    first: 'disk full while an owner is cleared, and set again',
  },
];

/** Files made, and put in the place of others. */
const FILE_FAULTS: readonly RecordFault[] = [
  {
    name: 'file renamed into place, its directory not synced',
    file: CREATE,
    edits: [{ find: 'files.syncDirectory(dirname(path));', put: 'void dirname;' }],
    why: 'the new file may be gone, or the old one back',
    first: 'create beside leftovers',
  },
  {
    name: 'old file removed before the new one is in its place',
    file: CREATE,
    edits: [
      {
        find: 'removeLeftover(files, temporary);',
        put: 'removeLeftover(files, temporary); if (old !== undefined) { files.remove(path); files.syncDirectory(dirname(path)); }',
      },
    ],
    why: 'a crash leaves the old file or the new one',
    first: 'create over a file',
  },
  {
    name: 'leftover of a creation not cleared away',
    file: CREATE,
    edits: [{ find: 'removeLeftover(files, temporary);', put: 'void removeLeftover;' }],
    why: 'a crash while a file is made must not prevent making it',
    first: 'create beside leftovers',
  },
  {
    name: 'definition stored after the file is in its place',
    file: CREATE,
    edits: [
      {
        find: 'storeDefinition(file, encodeDefinition(newStoredDefinition(definition, roots)));',
        put: '',
      },
      {
        find: 'file.closeAs(path',
        put: 'file.closeAs(path',
        append:
          " file = PageFile.open(ports, cache, path, { mode: 'write', holder }); file.prepare(); storeDefinition(file, encodeDefinition(newStoredDefinition(definition, roots))); file.endOperation(); file.close();",
      },
    ],
    why: 'under its name there is a whole file',
    first: 'create over a file',
  },
  {
    name: 'name of a new file not synced by who opens it',
    file: TABLE,
    edits: [{ find: 'this.#syncName(file);', put: '' }],
    why: 'who created it may have been killed before',
    first: 'killed at step 29 of creating, then used',
  },
  {
    name: 'what failed to be made left where it is',
    file: CREATE,
    edits: [{ find: 'ports.files.remove(temporary);', put: 'void temporary;' }],
    why: 'nothing is left of what was refused',
    first: 'create, failing calls',
  },
];

export const SEEDED_RECORD_FAULTS: readonly RecordFault[] = [
  ...RECORD_FAULTS,
  ...PLACE_FAULTS,
  ...INDEX_FAULTS,
  ...OWNER_FAULTS,
  ...FILE_FAULTS,
];
