/**
 * Doing again what has changed the form of a file: indexes made and dropped, owner names set and cleared.
 *
 * Invariants:
 * - The number of the change (`changeSeq`) gets to the disk with the definition that the change leaves, and
 *   not before it; so being interrupted and begun again makes no difference.
 * - A file that has the form already, because it was copied in the middle, is not changed again.
 */
import {
  decodeDefinition,
  INDEX_STATE,
  type StoredDefinition,
} from '../microkernel/definition/definition-codec.js';
import { SYSTEM_KEY } from '../microkernel/files/file-key.js';
import { withKey } from '../microkernel/definition/file-rules.js';
import { createIndex, createSystemIndex, dropIndex } from '../microkernel/files/indexes.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { hasOwner, OWNER_FLAG } from '../microkernel/files/owner.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ArchivedStructure } from './archive-reader.js';

/**
 * Carries out a change of structure. `names` are owner names that may be the one. Durable when it returns.
 * Throws 51 (none of them is), 148 (`structure`: the file is not what the log says), 18, 132.
 */
export function redoStructure(
  open: OpenFile,
  entry: ArchivedStructure,
  names: readonly string[],
): void {
  const { pages } = open;
  const wanted = decodeDefinition(entry.definition);
  if (hasForm(open.stored, wanted)) {
    passTo(open, entry.changeSeq);
    return;
  }
  const before = pages.control.changeSeq;
  open.onDefinition = (stored) => {
    const isAll = entry.what === 'drop-index' || isSettled(stored);
    pages.pinChangeSeq(isAll ? entry.changeSeq : before);
  };
  try {
    pages.pinChangeSeq(before);
    carryOut(open, entry, wanted, names);
  } finally {
    open.onDefinition = undefined;
  }
  if (hasForm(open.stored, wanted)) return;
  throw notSo(open, entry);
}

/**
 * Encrypting takes many operations, and so does taking that back: what was only begun in the log is whole, or still
 * whole, here.
 */
function hasForm(stored: StoredDefinition, wanted: StoredDefinition): boolean {
  const isWhole = (stored.owner.flags & OWNER_FLAG.UNFINISHED) === 0;
  return isWhole && formOf(stored) === formOf(wanted);
}

/** One operation that changes nothing but the number of the file. Durable when it returns. */
export function passTo(open: OpenFile, changeSeq: number): void {
  open.pages.pinChangeSeq(changeSeq);
  open.changeOrNot(open.stored);
}

/** Nothing is half done. */
function isSettled({ keys, systemKey, owner }: StoredDefinition): boolean {
  return (
    keys.every(({ state }) => state === INDEX_STATE.IN_USE) &&
    (systemKey === undefined || systemKey.state === INDEX_STATE.IN_USE) &&
    (owner.flags & OWNER_FLAG.UNFINISHED) === 0
  );
}

/** What can be seen of a definition, whatever the places of its trees. */
function formOf({ file, keys, systemKey, owner }: StoredDefinition): string {
  const inUse = file.keys.filter((_, index) => keys[index]?.state === INDEX_STATE.IN_USE);
  const form = {
    keys: inUse.map(({ number, segments }) => ({ number, segments })),
    system: systemKey?.state === INDEX_STATE.IN_USE,
    mode: owner.mode,
    wrapped: Buffer.from(owner.wrappedKey).toString('base64'),
  };
  return JSON.stringify(form);
}

function carryOut(
  open: OpenFile,
  entry: ArchivedStructure,
  wanted: StoredDefinition,
  names: readonly string[],
): void {
  switch (entry.what) {
    case 'create-index':
      makeIndex(open, entry, wanted);
      return;
    case 'drop-index':
      dropIndex(open, entry.keyNumber, renumbers(open.stored, entry.keyNumber, wanted));
      return;
    case 'set-owner':
      // Of an owner that is there the name may be changed; a file has one at a time.
      if (hasOwner(open.stored.owner)) throw notSo(open, entry);
      open.takeOwner(wanted.owner, names);
      return;
    case 'clear-owner':
      open.clearOwner();
      return;
    case 'create-over':
      throw notSo(open, entry);
  }
}

/** The key, and which sequence of the records it uses, are those of the definition that the change has left. */
function makeIndex(open: OpenFile, entry: ArchivedStructure, wanted: StoredDefinition): void {
  const { keyNumber } = entry;
  if (keyNumber === SYSTEM_KEY) {
    createSystemIndex(open);
    return;
  }
  const { file, keys } = wanted;
  const index = file.keys.findIndex(
    ({ number }, each) => number === keyNumber && keys[each]?.state === INDEX_STATE.IN_USE,
  );
  const [key, stored] = [file.keys[index], keys[index]];
  const isTaken = open.definition.keys.some(({ number }) => number === keyNumber);
  if (key === undefined || stored === undefined || isTaken) throw notSo(open, entry);
  const plan = withKey(open.definition, key, file.sequences);
  createIndex(open, plan, key, stored.sequence);
}

/** Whether the keys above the one that was dropped have got other numbers: those that are left say so. */
function renumbers({ file }: StoredDefinition, dropped: number, wanted: StoredDefinition): boolean {
  const left = wanted.file.keys.filter(
    (_, index) => wanted.keys[index]?.state === INDEX_STATE.IN_USE,
  );
  const kept = file.keys.filter(({ number }) => number !== dropped);
  return kept.some(({ number }, index) => number !== left[index]?.number);
}

function notSo({ pages }: OpenFile, { what, changeSeq }: ArchivedStructure): BtrieveError {
  const message = `the log has a change of the form (${what}) that the file is not in a state for`;
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'structure',
    file: pages.path,
    expected: `the form before change ${changeSeq}`,
  });
}
