/**
 * Finding out what a data file holds.
 *
 * - Of a small file, and of any that was not closed cleanly, every PAT page is looked at and the
 *   digest compared. A large file that was closed cleanly is opened by its FCRs alone: opening does
 *   not cost more because a file is larger.
 * - Leftovers of a system transaction that did not get to its end are listed. They must be gone
 *   before the first change: a PAT copy of generation G+1 that a crash left behind would count as
 *   soon as a later system transaction brought the file to G+1 by another way.
 */
import { hex32, uuidText } from './bytes.js';
import { chooseFcr } from './fcr-choice.js';
import type { ControlRecord, FcrProblem } from './fcr.js';
import { closeQuietly, fileError, lockedError, PageDevice } from './page-device.js';
import { choosePat, isRetiredPat, patDamage } from './page-table.js';
import { digestMark, PatGeometry } from './pat.js';
import type { FileHandle, FileIdentity, FileSystem } from './ports.js';

/** Regions of a file that are looked at although it was closed cleanly: some 0.5 ms. */
const REGIONS_ALWAYS_VERIFIED = 64;

/** What an open file turned out to be. */
export interface OpenedFile {
  readonly handle: FileHandle;
  readonly control: ControlRecord;
  /** Which copy of the FCR, 0 to 2, is current. */
  readonly slot: number;
  /** Why other copies cannot be used. */
  readonly fcrProblems: readonly FcrProblem[];
  /** PAT copies to be retired before the first change. */
  readonly leftovers: readonly Leftover[];
  readonly identity: FileIdentity;
}

/** A PAT copy that must not count. */
export interface Leftover {
  readonly patNumber: number;
  readonly physical: number;
}

/**
 * Opens and locks a data file and decides which generation of it counts.
 *
 * Throws `BtrieveError`: 12, 94, 85 (locked by another engine), 30 (not a data file), 2 (damaged or
 * cut short).
 */
export function openFile(files: FileSystem, path: string, mode: 'read' | 'write'): OpenedFile {
  let handle: FileHandle;
  try {
    handle = files.open(path, mode);
  } catch (error) {
    throw fileError('the file cannot be opened', error, path);
  }
  try {
    if (!handle.tryLock(mode === 'read' ? 'shared' : 'exclusive')) throw lockedError(path);
    const { control, slot, fcrProblems } = chooseFcr(handle);
    const clean = control.holder === undefined;
    const trusted = clean && control.regions > REGIONS_ALWAYS_VERIFIED;
    const leftovers = trusted ? [] : verifyTable(handle, control);
    return { handle, control, slot, fcrProblems, leftovers, identity: handle.identity() };
  } catch (error) {
    closeQuietly(handle);
    throw fileError('the file cannot be opened', error, path);
  }
}

/**
 * Looks at every PAT page. Returns the copies that are neither good nor retired.
 *
 * Costs one read for each region (2 MB of a file of 4 KiB pages). Throws status 2 if a PAT page has
 * no usable copy or if the copies found are not those that the FCR was written for.
 */
function verifyTable(handle: FileHandle, control: ControlRecord): Leftover[] {
  const { pageSize, regions, generation } = control;
  const geometry = PatGeometry.of(pageSize);
  const device = new PageDevice(handle, pageSize, control.pageSeed);
  const bytes = new Uint8Array(4 * pageSize);
  const clean = control.holder === undefined;
  const leftovers: Leftover[] = [];
  let xor = 0;
  let sum = 0;
  for (let region = 0; region < regions; region++) {
    device.read(geometry.patPage(region * 2, 0), bytes, 0, 4);
    for (const patNumber of [region * 2, region * 2 + 1]) {
      const pair = bytes.subarray((patNumber & 1) * 2 * pageSize).subarray(0, 2 * pageSize);
      const view = new DataView(pair.buffer, pair.byteOffset, pair.length);
      const choice = choosePat(device, patNumber, generation, pair, view);
      if (choice.copy < 0) throw patDamage(device, geometry, patNumber, choice);
      const mark = digestMark(patNumber, choice.checksum);
      xor = (xor ^ mark) >>> 0;
      sum = (sum + mark) >>> 0;
      const other = choice.copy === 0 ? 1 : 0;
      if (choice.problems[other] === undefined) continue;
      const spare = pair.subarray(other * pageSize, (other + 1) * pageSize);
      // Of a file closed cleanly it is known to be on disk; of another it must be written again.
      if (clean && isRetiredPat(device, patNumber, spare)) continue;
      leftovers.push({ patNumber, physical: geometry.patPage(patNumber, other) });
    }
  }
  if (xor === control.patXor && sum === control.patSum) return leftovers;
  throw device.damage(0, {
    reason: 'digest',
    message: `the page allocation table is not that of generation ${generation} of file ${uuidText(control.uuid)}`,
    expected: `${hex32(control.patXor)} ${hex32(control.patSum)}`,
    found: `${hex32(xor)} ${hex32(sum)}`,
  });
}
