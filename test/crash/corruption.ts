/**
 * What damage to a data file that was closed cleanly comes to: bits flipped, pages zeroed, swapped,
 * put back to what they were, or replaced by another file's, the file cut short or made longer.
 *
 * Demanded: the check finds the damage and says where it is, and whoever reads the file gets either
 * what was written or status 2. A byte that is exempt lies in a physical page that nothing is in,
 * which is worked out here from the layout and the model, not by the check.
 */
import { checkPages, type CheckFinding, type CheckReport } from '../../src/microkernel/check.js';
import { FCR, PAGE_HEADER, PAT_ENTRY } from '../../src/microkernel/layout.js';
import { FCR_PAGES, PatGeometry, type PageSpace } from '../../src/microkernel/pat.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { SimFileSystem } from '../support/sim-files.js';
import { blankDisk, compare } from './lab.js';
import {
  demandBtrieveError,
  Failures,
  randomOperation,
  type FaultTestOptions,
} from './sync-failures.js';
import { FileModel, pageKey, randomFrom, World, Writer, type FileState } from './world.js';

export interface CorruptionCounts {
  cases: number;
  /** Cases in which everything that was damaged was free. */
  dead: number;
  /** Cases in which the file could be read as if nothing had happened. */
  readable: number;
  milliseconds: number;
}

const PATH = '/d/a.dat';
const VALUE_AT = PAGE_HEADER.size;
const SECTOR = 512;
const SESSIONS = 3;

/** How a file to be damaged is made, and how much of it is tried. */
interface Recipe {
  readonly name: string;
  readonly pageSize: number;
  readonly data: number;
  readonly other: number;
  /** Every byte is damaged, not only some. */
  readonly everyByte: boolean;
  /** Of everything else, about so many cases of each kind. */
  readonly sample: number;
}

const RECIPES: readonly Recipe[] = [
  { name: '512, small', pageSize: 512, data: 4, other: 2, everyByte: true, sample: 200 },
  { name: '512, regions', pageSize: 512, data: 90, other: 40, everyByte: false, sample: 150 },
  { name: '1024, small', pageSize: 1024, data: 6, other: 3, everyByte: false, sample: 150 },
  { name: '1024, regions', pageSize: 1024, data: 100, other: 60, everyByte: false, sample: 60 },
  { name: '4096, small', pageSize: 4096, data: 8, other: 4, everyByte: false, sample: 150 },
  { name: '4096, regions', pageSize: 4096, data: 480, other: 30, everyByte: false, sample: 12 },
];

/** What lies in a physical page of an undamaged file. */
type Role = 'fcr' | 'pat' | 'spare pat' | 'page' | 'dead';

/** A file as it should be, and what is known of it without asking the engine. */
interface Subject {
  readonly recipe: Recipe;
  readonly geometry: PatGeometry;
  readonly bytes: Uint8Array;
  readonly state: FileState;
  readonly roles: readonly Role[];
  /** The same file at earlier times. */
  readonly older: readonly Uint8Array[];
  /** Files made in the same way, one with a shorter and one with a longer history. */
  readonly others: readonly Uint8Array[];
}

/** One way to damage a subject. */
interface Damage {
  readonly name: string;
  readonly make: () => Uint8Array;
}

/** Throws one error that lists the cases that went wrong. */
export function runCorruption(options: FaultTestOptions): CorruptionCounts {
  const began = performance.now();
  const counts: CorruptionCounts = { cases: 0, dead: 0, readable: 0, milliseconds: 0 };
  const failures = new Failures('corruption');
  for (let seed = options.seed; seed < options.seed + options.scale; seed++) {
    for (const recipe of RECIPES) {
      const prefix = `${seed}/${recipe.name}/`;
      const only = options.only ?? prefix;
      if (!prefix.startsWith(only) && !only.startsWith(prefix)) continue;
      const subject = makeSubject(recipe, seed);
      for (const damage of damages(subject, randomFrom(seed))) {
        const name = `${prefix}${damage.name}`;
        if (!name.startsWith(only)) continue;
        counts.cases++;
        try {
          judge(subject, damage.make(), counts);
        } catch (error) {
          failures.add(name, seed, error);
        }
      }
    }
  }
  counts.milliseconds = performance.now() - began;
  options.print(
    `corruption, seed ${options.seed}: ${counts.cases} cases, ${counts.dead} in free pages, ` +
      `${counts.readable} readable all the same, ${(counts.milliseconds / 1000).toFixed(1)} s`,
  );
  failures.throwAny();
  return counts;
}

// Making files.

function makeSubject(recipe: Recipe, seed: number): Subject {
  const { bytes, state, older } = makeFile(recipe, seed, SESSIONS);
  const geometry = PatGeometry.of(recipe.pageSize);
  const others = [SESSIONS - 1, SESSIONS, SESSIONS + 1].map((sessions) =>
    makeOther(recipe, seed, sessions, bytes.length),
  );
  const roles = rolesOf(bytes, geometry, state);
  return { recipe, geometry, bytes, state, roles, older, others };
}

/** Not a longer file: that its control record is not of this file would show by the size. */
function makeOther(recipe: Recipe, seed: number, sessions: number, longest: number): Uint8Array {
  let other: Uint8Array;
  let tries = 0;
  do other = makeFile(recipe, seed + 0x10_0000 * ++tries, sessions).bytes;
  while (other.length > longest && tries < 20);
  return other;
}

/** Some history: pages changed and freed, so that there are older PAT copies and free space. */
function makeFile(
  recipe: Recipe,
  seed: number,
  sessions: number,
): { bytes: Uint8Array; state: FileState; older: Uint8Array[] } {
  const disk = blankDisk(seed);
  const world = new World(disk, { seed, cacheSize: 4 * 1024 * 1024 });
  const model = new FileModel();
  const older: Uint8Array[] = [];
  world.create(PATH, recipe.pageSize);
  const keep = (): void => void older.push(disk.snapshotFile(PATH));
  let state: FileState | undefined;
  for (let session = 0; session < sessions; session++) {
    const writer = new Writer(world, world.open(PATH), model);
    if (session === 0) writer.do({ allocate: [recipe.data, recipe.other] });
    for (let n = 0; n < 3; n++) {
      writer.do(randomOperation(world.random));
      writer.do({ edit: 2, free: 1 });
      writer.file.complete();
      keep();
    }
    writer.file.close();
    keep();
    state = writer.state;
  }
  const bytes = older.pop();
  if (bytes === undefined || state === undefined) throw new Error('no session');
  return { bytes, state, older };
}

// What lies where, from the layout alone.

function u32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** Generations of test files are small. */
function generationOf(bytes: Uint8Array, geometry: PatGeometry, physical: number): number {
  return u32At(bytes, physical * geometry.pageSize + PAGE_HEADER.generation);
}

/** Throws if the file does not hold what the model says: then this knows nothing of dead space. */
function rolesOf(bytes: Uint8Array, geometry: PatGeometry, state: FileState): Role[] {
  const physicalPages = bytes.length / geometry.pageSize;
  const roles = Array.from({ length: physicalPages }, (): Role => 'dead');
  roles.fill('fcr', 0, FCR_PAGES);
  let found = 0;
  for (let pat = 0; pat < geometry.regionCount(physicalPages) * 2; pat++) {
    const first = geometry.patPage(pat, 0);
    const isSecond =
      generationOf(bytes, geometry, first + 1) > generationOf(bytes, geometry, first);
    roles[first] = isSecond ? 'spare pat' : 'pat';
    roles[first + 1] = isSecond ? 'pat' : 'spare pat';
    for (const [page, physical] of mappedBy(bytes, geometry, pat, first + Number(isSecond))) {
      const value = state.pages.get(pageKey((pat & 1) as PageSpace, page));
      const at = physical * geometry.pageSize;
      const isRight =
        u32At(bytes, at + VALUE_AT) === value && u32At(bytes, at + PAGE_HEADER.page) === page;
      if (!isRight || roles[physical] !== 'dead')
        throw new Error(`page ${page} is not at ${physical}`);
      roles[physical] = 'page';
      found++;
    }
  }
  if (found !== state.pages.size) throw new Error(`${found} pages instead of ${state.pages.size}`);
  return roles;
}

function* mappedBy(
  bytes: Uint8Array,
  geometry: PatGeometry,
  pat: number,
  from: number,
): Generator<[page: number, physical: number]> {
  for (let entry = 0; entry < geometry.entries; entry++) {
    const at = from * geometry.pageSize + geometry.entriesAt + entry * PAT_ENTRY.size;
    const physical = u32At(bytes, at + PAT_ENTRY.physicalPage);
    if (physical !== 0) yield [(pat >>> 1) * geometry.entries + entry, physical];
  }
}

// Ways to damage a file.

function* damages(subject: Subject, random: () => number): Generator<Damage> {
  yield* flips(subject, random);
  yield* zeroings(subject, random);
  yield* swaps(subject, random);
  yield* replacements(subject, random);
  yield* otherSizes(subject, random);
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

function* flips({ recipe, bytes, roles }: Subject, random: () => number): Generator<Damage> {
  const flip = (at: number): Damage => {
    const bit = below(random, 8);
    return {
      name: `flip ${at}.${bit}`,
      make: () => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        return damaged;
      },
    };
  };
  if (recipe.everyByte) {
    for (let at = 0; at < bytes.length; at++) {
      // Free pages are all alike.
      const isDead = roles[Math.floor(at / recipe.pageSize)] === 'dead';
      if (!isDead || at % 8 === 0) yield flip(at);
    }
  } else {
    const { pageSize, sample } = recipe;
    for (const role of ['fcr', 'pat', 'spare pat', 'page', 'dead'] as const) {
      const pages = pagesOf(roles, role);
      for (let n = 0; n < sample && pages.length > 0; n++) {
        yield flip((pages[below(random, pages.length)] ?? 0) * pageSize + below(random, pageSize));
      }
      // The header of a page is small, and all of it means something.
      for (let n = 0; n < sample / 2 && pages.length > 0; n++) {
        const page = pages[below(random, pages.length)] ?? 0;
        yield flip(page * pageSize + below(random, PAGE_HEADER.size));
      }
    }
  }
}

function pagesOf(roles: readonly Role[], role: Role): number[] {
  return roles.flatMap((each, page) => (each === role ? [page] : []));
}

/** All of the pages that hold the file together, and some of the rest. */
function somePages({ roles, recipe }: Subject, random: () => number): number[] {
  const share = recipe.sample / roles.length;
  return roles.flatMap((role, page) => {
    const isVital = role !== 'page' && role !== 'dead';
    return (isVital && recipe.sample > 50) || random() < share ? [page] : [];
  });
}

function* zeroings(subject: Subject, random: () => number): Generator<Damage> {
  const { pageSize } = subject.recipe;
  for (const page of somePages(subject, random)) {
    yield {
      name: `zero ${page}`,
      make: () => subject.bytes.slice().fill(0, page * pageSize, (page + 1) * pageSize),
    };
  }
}

function* swaps(subject: Subject, random: () => number): Generator<Damage> {
  const { pageSize, sample } = subject.recipe;
  const vital = subject.roles.flatMap((role, page) =>
    role === 'page' || role === 'dead' ? [] : [page],
  );
  const all = subject.roles.length;
  const pairs: [number, number][] = [];
  for (const one of vital) for (const two of vital) if (one < two) pairs.push([one, two]);
  for (let n = 0; n < 2 * sample; n++) pairs.push([below(random, all), below(random, all)]);
  for (let n = 0; n < sample; n++) {
    pairs.push([vital[below(random, vital.length)] ?? 0, below(random, all)]);
  }
  const share = (4 * sample) / pairs.length;
  for (const [one, two] of pairs) {
    if (random() > share) continue;
    yield {
      name: `swap ${one} ${two}`,
      make: () => {
        const damaged = putPage(subject.bytes.slice(), pageSize, one, subject.bytes, two);
        return putPage(damaged, pageSize, two, subject.bytes, one);
      },
    };
  }
}

function putPage(
  into: Uint8Array,
  pageSize: number,
  page: number,
  from: Uint8Array,
  source: number,
): Uint8Array {
  into.set(from.subarray(source * pageSize, (source + 1) * pageSize), page * pageSize);
  return into;
}

function* replacements(subject: Subject, random: () => number): Generator<Damage> {
  const { bytes, older, others, recipe } = subject;
  const { pageSize } = recipe;
  const replace = (name: string, page: number, from: Uint8Array): Damage => ({
    name,
    make: () => putPage(bytes.slice(), pageSize, page, from, page),
  });
  for (const page of somePages(subject, random)) {
    for (const [age, from] of older.entries()) {
      const isThere = from.length >= (page + 1) * pageSize;
      if (isThere) yield replace(`older ${age} of ${page}`, page, from);
    }
    for (const [which, from] of others.entries()) {
      const isThere = from.length >= (page + 1) * pageSize;
      if (isThere) yield replace(`other ${which} of ${page}`, page, from);
    }
  }
}

function* otherSizes(subject: Subject, random: () => number): Generator<Damage> {
  const { bytes, recipe } = subject;
  const share = (3 * recipe.sample) / (bytes.length / SECTOR);
  for (let size = 0; size < bytes.length; size += SECTOR) {
    if (random() < share) yield { name: `truncate ${size}`, make: () => bytes.slice(0, size) };
  }
  for (const more of [1, 511, SECTOR, recipe.pageSize, 3 * recipe.pageSize + 100]) {
    for (const fill of [0, 0xa5]) {
      yield {
        name: `append ${more} ${fill}`,
        make: () => {
          const longer = new Uint8Array(bytes.length + more).fill(fill, bytes.length);
          longer.set(bytes);
          return longer;
        },
      };
    }
  }
}

// Judging.

function judge(subject: Subject, damaged: Uint8Array, counts: CorruptionCounts): void {
  const disk = new SimFileSystem({ seed: 1 });
  disk.putFile(PATH, damaged);
  const world = new World(disk, { seed: 1 });
  if (damaged.length < subject.bytes.length) {
    demandCutShort(world, damaged.length);
    return;
  }
  const places = damagedPages(subject, damaged).filter((page) => subject.roles[page] !== 'dead');
  const report = checkOf(world);
  if (report !== undefined) {
    const { notes } = report;
    const findings = [...report.findings, ...(isHalfClosed(subject, damaged) ? notes : [])];
    demandLocated(subject, damaged, places, findings);
    if (damaged.length > subject.bytes.length) {
      demandFinding(
        findings,
        (each) => each.offset === subject.bytes.length,
        'the end of the file',
      );
    } else if (places.length === 0) {
      counts.dead++;
      if (findings.length > 0) throw new Error(`free space is called ${show(findings)}`);
    }
  }
  if (readAll(world, subject.state)) counts.readable++;
  world.files.assertNothingOpen();
}

/** Status 2 at open; of an empty file nobody can say that it was ours. */
function demandCutShort(world: World, size: number): void {
  const calls = [(): unknown => world.open(PATH, 'read'), (): unknown => checkOf(world, true)];
  for (const call of calls) {
    let caught: unknown;
    try {
      call();
    } catch (error) {
      caught = error;
    }
    const status = size === 0 ? Status.NOT_A_BTRIEVE_FILE : Status.IO_ERROR;
    const { message } = demandBtrieveError(caught, [status]);
    if (size > 0 && !message.includes('cut short')) throw new Error(`not "cut short": ${message}`);
  }
  world.files.assertNothingOpen();
}

function damagedPages({ bytes, recipe, roles }: Subject, damaged: Uint8Array): number[] {
  return roles.flatMap((_, page) => {
    const [from, to] = [page * recipe.pageSize, (page + 1) * recipe.pageSize];
    return Buffer.compare(bytes.subarray(from, to), damaged.subarray(from, to)) === 0 ? [] : [page];
  });
}

/** Undefined if the check says with status 2 that it cannot even begin. */
function checkOf(world: World, rethrow = false): CheckReport | undefined {
  const handle = world.files.open(PATH, 'read');
  try {
    return checkPages(handle);
  } catch (error) {
    if (!(error instanceof BtrieveError) || rethrow) throw error;
    demandBtrieveError(error, [Status.IO_ERROR]);
    return undefined;
  } finally {
    handle.close();
  }
}

function demandLocated(
  subject: Subject,
  damaged: Uint8Array,
  places: readonly number[],
  findings: readonly CheckFinding[],
): void {
  const { pageSize } = subject.recipe;
  for (const page of places) {
    if (isMappedByLost(subject, places, page)) continue;
    const where = `${subject.roles[page] ?? '?'} ${page}`;
    if (page < FCR_PAGES) {
      const at = firstDamage(subject, damaged, page);
      demandFinding(findings, ({ offset }) => offset === at, where);
      continue;
    }
    if (isInterchangeable(subject, damaged, page)) continue;
    demandFinding(
      findings,
      ({ physicalPage, offset }) => physicalPage === page && offset === page * pageSize,
      where,
    );
  }
}

/**
 * As one leaves it who is killed between the two last writes of a clean close: it is damage to
 * nobody, and told in a note.
 */
function isHalfClosed({ bytes, recipe }: Subject, damaged: Uint8Array): boolean {
  const generations = (file: Uint8Array): number[] =>
    [...Array(FCR_PAGES).keys()]
      .map((slot) => u32At(file, slot * recipe.pageSize + FCR.generation))
      .sort((one, other) => one - other);
  const last = Math.max(...generations(bytes));
  return [last - 2, last - 1, last].every((each, at) => generations(damaged)[at] === each);
}

/** What a page of the table mapped that is no more, nobody can know. */
function isMappedByLost(subject: Subject, places: readonly number[], page: number): boolean {
  if (subject.roles[page] !== 'page') return false;
  const { bytes, geometry } = subject;
  return places.some((place) => {
    if (subject.roles[place] !== 'pat') return false;
    const pat = u32At(bytes, place * geometry.pageSize + PAGE_HEADER.page);
    return [...mappedBy(bytes, geometry, pat, place)].some(([, physical]) => physical === page);
  });
}

/** A file control record is found at its beginning, what is behind it at its own place. */
function firstDamage({ bytes, recipe }: Subject, damaged: Uint8Array, page: number): number {
  const begin = page * recipe.pageSize;
  for (let at = begin; at < begin + recipe.pageSize; at++) {
    if (damaged[at] !== bytes[at]) return at < begin + FCR.size ? begin : at;
  }
  throw new Error(`page ${page} is as it was`);
}

/**
 * Nothing depends on the older copy of a PAT page, and nothing says what it must be: blank, of any
 * older generation, or the same as the current one. Nor does anything say which of two copies is
 * the current one but their generations, so they may change places.
 */
function isInterchangeable(subject: Subject, damaged: Uint8Array, page: number): boolean {
  const { bytes, geometry, roles, older } = subject;
  const role = roles[page];
  if (role !== 'pat' && role !== 'spare pat') return false;
  const { pageSize } = geometry;
  const first = page - ((geometry.bitOf(page) + 4) & 1);
  const pageOf = (file: Uint8Array, at: number): Uint8Array =>
    file.subarray(at * pageSize, (at + 1) * pageSize);
  const current = roles[first] === 'pat' ? first : first + 1;
  const isCurrent = (at: number): boolean =>
    Buffer.compare(pageOf(damaged, at), pageOf(bytes, current)) === 0;
  if (!isCurrent(first) && !isCurrent(first + 1)) return false;
  const now = pageOf(damaged, page);
  if (now.every((byte) => byte === 0)) return true;
  return [bytes, ...older].some((file) =>
    [first, first + 1].some((at) => Buffer.compare(now, pageOf(file, at)) === 0),
  );
}

function demandFinding(
  findings: readonly CheckFinding[],
  isIt: (finding: CheckFinding) => boolean,
  where: string,
): void {
  if (findings.some(isIt)) return;
  throw new Error(`nothing is found at ${where}, only: ${show(findings)}`);
}

function show(findings: readonly CheckFinding[]): string {
  const shown = findings.slice(0, 3).map((each) => `${each.reason} at ${each.offset ?? '?'}`);
  return findings.length === 0 ? 'nothing' : shown.join(', ');
}

/** True if everything can be read. Throws if anything is wrong without being called so. */
function readAll(world: World, state: FileState): boolean {
  try {
    const file = world.open(PATH, 'read');
    try {
      return readEach(world, file, state);
    } finally {
      file.abandon();
    }
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    demandBtrieveError(error, [Status.IO_ERROR]);
    return false;
  }
}

/** Each page by itself: that one cannot be read says nothing of the next. */
function readEach(world: World, file: ReturnType<World['open']>, state: FileState): boolean {
  let all = true;
  for (const [key, value] of state.pages) {
    try {
      const found = world.readValue(file, key >= 0x8000_0000 ? 1 : 0, key % 0x8000_0000);
      if (found !== value) throw new Error(`page ${key} reads ${found} instead of ${value}`);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      demandBtrieveError(error, [Status.IO_ERROR]);
      all = false;
    }
    world.cache.endOperation();
  }
  if (all) compare(world, file, state);
  else if (file.control.counters[3] !== state.counter) throw new Error('the counter is wrong');
  return all;
}
