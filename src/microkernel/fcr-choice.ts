/**
 * Which of the three copies of the FCR of a file is current, and what is wrong with the others.
 *
 * - A copy that is sound by itself must be of this file: what most copies say counts, so that one of
 *   another file, put there by whatever mishap, is a finding and not a change of identity.
 * - Of those the highest generation is current.
 * - A file that was closed cleanly has its last generation twice, and the one before it once.
 */
import { hex32, uuidText } from './bytes.js';
import { readFully } from './disk-error.js';
import {
  claimedPageSize,
  decodeFcr,
  hasMagic,
  isFcrProblem,
  type ControlRecord,
  type FcrProblem,
} from './fcr.js';
import { FCR, PAGE_SIZES } from './layout.js';
import { FCR_PAGES } from './pat.js';
import type { FileHandle } from './ports.js';
import { BtrieveError, Status } from './status.js';

/** One copy of the FCR as found. */
interface Candidate {
  readonly slot: number;
  readonly decoded: ControlRecord | FcrProblem;
}

interface GoodCandidate extends Candidate {
  readonly decoded: ControlRecord;
}

/** The current FCR of an open file. Throws 30 or 2 if there is none. */
export function chooseFcr(handle: FileHandle): {
  control: ControlRecord;
  slot: number;
  fcrProblems: readonly FcrProblem[];
} {
  const candidates = findCandidates(handle);
  const problems = candidates.map((each) => each.decoded).filter((each) => isFcrProblem(each));
  const sound = candidates.filter(isGood);
  const owner = majority(sound, handle.path);
  const isOwn = (each: GoodCandidate): boolean =>
    owner !== undefined && isOfSameFile(each.decoded, owner.decoded);
  const good = sound.filter(isOwn);
  for (const each of sound) {
    if (!isOwn(each)) problems.push(strangerProblem(each, owner));
  }
  const highest = Math.max(...good.map((each) => each.decoded.generation));
  const newest = good.filter((each) => each.decoded.generation === highest);
  // A clean close leaves the generation in two copies; the second was written when the first was
  // on disk.
  const current =
    newest.find((each) => newest.some((other) => other.slot === each.decoded.durableSlot)) ??
    newest[0];
  if (current === undefined) throw noFcr(handle.path, problems);
  const isOne = sound.length === good.length;
  const fcrProblems = isOne ? withTorn(problems, current) : [...problems];
  fcrProblems.push(...staleCopies(current, good));
  return { control: current.decoded, slot: current.slot, fcrProblems };
}

/** What tells a file from others, as far as its FCR knows. */
function fileOf({ decoded }: GoodCandidate): string {
  return `file ${uuidText(decoded.uuid)}, pages of ${decoded.pageSize}, seed ${hex32(decoded.pageSeed)}`;
}

function isOfSameFile(one: ControlRecord, other: ControlRecord): boolean {
  const { pageSize, pageSeed, uuid } = other;
  return (
    one.pageSize === pageSize && one.pageSeed === pageSeed && Buffer.compare(one.uuid, uuid) === 0
  );
}

/** A copy of those that most copies are like. Throws status 2 if that cannot be told. */
function majority(sound: readonly GoodCandidate[], path: string): GoodCandidate | undefined {
  const votes = sound.map(
    (each) => sound.filter((other) => isOfSameFile(each.decoded, other.decoded)).length,
  );
  const winner = sound[votes.indexOf(Math.max(...votes))];
  // More than half of them, or all of one or two.
  if (winner === undefined || 2 * Math.max(...votes) > sound.length) return winner;
  const message = 'the copies of the file control record are of different files';
  throw new BtrieveError(Status.IO_ERROR, message, { reason: 'fcr', file: path, offset: 0 });
}

function strangerProblem(stranger: GoodCandidate, owner: GoodCandidate | undefined): FcrProblem {
  return {
    kind: 'damaged',
    message: 'the file control record is that of another file',
    offset: stranger.slot * stranger.decoded.pageSize,
    expected: owner === undefined ? '' : fileOf(owner),
    found: fileOf(stranger),
  };
}

/** In a file in use one copy can be one that was being written. */
function withTorn(problems: readonly FcrProblem[], { decoded }: GoodCandidate): FcrProblem[] {
  const [only] = problems;
  const isTorn = only !== undefined && problems.length === 1 && decoded.holder !== undefined;
  return isTorn ? [{ ...only, isLeftover: true }] : [...problems];
}

/** The copy of a file closed cleanly that is older than what was written last in its place. */
function staleCopies(current: GoodCandidate, good: readonly GoodCandidate[]): FcrProblem[] {
  const { generation, holder, pageSize } = current.decoded;
  if (holder !== undefined) return [];
  const others = good
    .filter((each) => each.decoded.generation !== generation)
    .sort((one, other) => one.decoded.generation - other.decoded.generation);
  const [oldest] = others;
  // Two copies have the last generation and one that before it, unless a bad copy is among them.
  const isSound = others.length <= 1 && oldest?.decoded.generation === generation - 1;
  if (oldest === undefined || isSound) return [];
  const message = 'the copy of the file control record is older than what was written there last';
  // Killed after the first of the two writes of a clean close.
  const isHalf = others.length === 2 && others[1]?.decoded.generation === generation - 1;
  const isLeftover =
    isHalf &&
    oldest.decoded.generation === generation - 2 &&
    others[1]?.decoded.holder !== undefined;
  return [
    {
      ...(isLeftover && { isLeftover }),
      kind: 'damaged',
      message,
      offset: oldest.slot * pageSize,
      expected: `generation ${generation - 1} or ${generation}`,
      found: `generation ${oldest.decoded.generation}`,
    },
  ];
}

function isGood(candidate: Candidate): candidate is GoodCandidate {
  return !isFcrProblem(candidate.decoded);
}

/**
 * Whether a file is one of ours, be it damaged: some copy of its FCR, at a place where one can be,
 * begins as ours do.
 */
export function isDataFile(handle: FileHandle): boolean {
  const copies = Array.from({ length: FCR_PAGES }, (_, slot) => slot);
  const places = new Set(PAGE_SIZES.flatMap((pageSize) => copies.map((slot) => slot * pageSize)));
  const bytes = new Uint8Array(FCR.size);
  for (const at of places) {
    if (readFully(handle, bytes, 0, FCR.size, at) === FCR.size && hasMagic(bytes)) return true;
  }
  return false;
}

/** The copies lie one page apart: the first one says how far, and without it every size is tried. */
function findCandidates(handle: FileHandle): Candidate[] {
  const head = new Uint8Array(FCR.size);
  readFully(handle, head, 0, FCR.size, 0);
  const claimed = claimedPageSize(head);
  const likely = claimed === 0 ? PAGE_SIZES : [claimed, ...PAGE_SIZES];
  let first: Candidate[] | undefined;
  for (const pageSize of likely) {
    const candidates = readCandidates(handle, pageSize);
    first ??= candidates;
    // A copy may be met on the way with a smaller size than its own.
    const good = candidates.find(isGood);
    if (good?.decoded.pageSize === pageSize) return candidates;
    if (good !== undefined) return readCandidates(handle, good.decoded.pageSize);
  }
  return first ?? [];
}

function readCandidates(handle: FileHandle, pageSize: number): Candidate[] {
  const fileSize = handle.size();
  return Array.from({ length: FCR_PAGES }, (_, slot) => {
    const offset = slot * pageSize;
    const bytes = new Uint8Array(FCR.size);
    const got = readFully(handle, bytes, 0, FCR.size, offset);
    if (got === FCR.size) return { slot, decoded: decodeFcr(bytes, offset, fileSize) };
    const message = 'the file ends before a file control record does';
    const size = { expected: `${FCR.size} bytes`, found: `${got} bytes` };
    return { slot, decoded: { kind: got === 0 ? 'blank' : 'foreign', message, offset, ...size } };
  });
}

/** Nothing of ours: 30. Ours, and damaged: 2. */
function noFcr(path: string, problems: readonly FcrProblem[]): BtrieveError {
  const damaged = problems.find((each) => each.kind === 'damaged');
  const version = problems.find((each) => each.kind === 'version');
  const shown = damaged ?? version ?? problems[0];
  const details = {
    reason: shown?.kind ?? 'foreign',
    file: path,
    offset: shown?.offset ?? 0,
    ...(shown?.expected === undefined ? {} : { expected: shown.expected }),
    ...(shown?.found === undefined ? {} : { found: shown.found }),
  };
  if (damaged !== undefined) {
    const message = `no file control record can be used: ${damaged.message}`;
    return new BtrieveError(Status.IO_ERROR, message, details);
  }
  const message = `this is not a data file of this engine: ${shown?.message ?? 'empty'}`;
  return new BtrieveError(Status.NOT_A_BTRIEVE_FILE, message, details);
}
