/**
 * The check of a file: that it finds nothing where nothing is wrong, after whatever history; that
 * it finds each kind of damage, says where it lies, and says nothing else; that it goes on after
 * findings, counts them all, lists a thousand, tells how far it is, and writes nothing.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkPages,
  checkingPages,
  type CheckFinding,
  type PageCheckOptions,
  type CheckReport,
} from '../../src/microkernel/check.js';
import {
  decodeFcr,
  encodeFcr,
  isFcrProblem,
  type ControlRecord,
} from '../../src/microkernel/fcr.js';
import { FCR, PAGE_HEADER } from '../../src/microkernel/layout.js';
import { sealPage } from '../../src/microkernel/page-seal.js';
import {
  digestMark,
  entryChecksum,
  entryPhysical,
  FCR_PAGES,
  PatGeometry,
  setBit,
  setEntry,
  type PageSpace,
} from '../../src/microkernel/pat.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { blankDisk } from '../crash/lab.js';
import { FileModel, World, Writer, type Operation } from '../crash/world.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { RecordingFileSystem } from '../support/recording-files.js';
import type { SimFileSystem } from '../support/sim-files.js';

const PATH = '/d/a.dat';

function check(files: FileSystem, options?: PageCheckOptions): CheckReport {
  const handle = files.open(PATH, 'read');
  try {
    return checkPages(handle, options);
  } finally {
    handle.close();
  }
}

/** A disk with one file, closed cleanly, of data and other pages. */
function diskWith(data: number, other: number, pageSize = 512): SimFileSystem {
  const disk = blankDisk(1);
  const world = new World(disk, { seed: 1, cacheSize: 1024 * 1024 });
  world.create(PATH, pageSize);
  const writer = new Writer(world, world.open(PATH), new FileModel());
  writer.do({ allocate: [data, other] });
  writer.file.complete();
  writer.do({ edit: 1 });
  writer.file.close();
  return disk;
}

/** A file as bytes, to be tampered with in ways that leave all checksums right. */
class Tampered {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly control: ControlRecord;
  readonly geometry: PatGeometry;
  readonly #disk: SimFileSystem;

  constructor(disk: SimFileSystem) {
    this.#disk = disk;
    this.bytes = disk.snapshotFile(PATH);
    this.view = new DataView(this.bytes.buffer);
    this.control = this.#newestControl();
    this.geometry = PatGeometry.of(this.control.pageSize);
  }

  #newestControl(): ControlRecord {
    const pageSize = this.view.getUint16(FCR.pageSize, true);
    const copies = Array.from({ length: FCR_PAGES }, (_, slot) => {
      const at = slot * pageSize;
      return decodeFcr(this.bytes.subarray(at), at, this.bytes.length);
    }).filter((copy) => !isFcrProblem(copy)) as ControlRecord[];
    return copies.reduce((a, b) => (b.generation > a.generation ? b : a));
  }

  generationAt(physical: number): number {
    return this.view.getUint32(physical * this.control.pageSize + PAGE_HEADER.generation, true);
  }

  /** Physical page of the copy of a PAT page that counts. */
  currentPat(patNumber: number): number {
    const [first, second] = [0, 1].map((copy) => this.geometry.patPage(patNumber, copy));
    return this.generationAt(second!) > this.generationAt(first!) ? second! : first!;
  }

  /** Where a page's entry lies in the file. */
  entryAt(space: PageSpace, page: number): number {
    const pat = this.currentPat(this.geometry.patOf(space, page));
    return pat * this.control.pageSize + this.geometry.entryAt(page);
  }

  physicalOf(space: PageSpace, page: number): number {
    return entryPhysical(this.view, this.entryAt(space, page));
  }

  /** Changes something in the current copy of a PAT page and makes checksum and digest right. */
  changePat(patNumber: number, change: (base: number) => void): void {
    const { pageSize, pageSeed } = this.control;
    const base = this.currentPat(patNumber) * pageSize;
    this.#digest(patNumber, this.view.getUint32(base + PAGE_HEADER.checksum, true), -1);
    change(base);
    const generation = this.generationAt(base / pageSize);
    const checksum = sealPage(this.bytes, this.view, base, pageSize, pageSeed, generation);
    this.#digest(patNumber, checksum, 1);
  }

  #digest(patNumber: number, checksum: number, sign: number): void {
    const mark = digestMark(patNumber, checksum);
    this.control.patXor = (this.control.patXor ^ mark) >>> 0;
    this.control.patSum = (this.control.patSum + sign * mark) >>> 0;
  }

  changeEntry(space: PageSpace, page: number, physical: number, checksum: number): void {
    this.changePat(this.geometry.patOf(space, page), () =>
      setEntry(this.view, this.entryAt(space, page), physical, checksum),
    );
  }

  /** Puts the control record as it is now into all its places, and the file on the disk. */
  put(): SimFileSystem {
    for (let slot = 0; slot < FCR_PAGES; slot++) {
      const at = slot * this.control.pageSize;
      encodeFcr(this.control, slot, this.bytes.subarray(at, at + FCR.size));
    }
    return this.putAsIs();
  }

  putAsIs(bytes = this.bytes): SimFileSystem {
    this.#disk.putFile(PATH, bytes);
    return this.#disk;
  }
}

function tampered(data = 5, other = 3, pageSize = 512): Tampered {
  return new Tampered(diskWith(data, other, pageSize));
}

function reasonsOf(findings: readonly CheckFinding[]): string[] {
  return findings.map((finding) => finding.reason);
}

describe('a good file', () => {
  const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
    fc.record({ allocate: fc.tuple(fc.nat(9), fc.nat(4)), edit: fc.nat(2) }),
    fc.record({ free: fc.nat(4), edit: fc.nat(2) }),
    fc.record({ free: fc.nat(3), allocate: fc.tuple(fc.nat(2), fc.nat(2)) }),
  );
  const anyTurn = fc.record({
    operation: anyOperation,
    then: fc.constantFrom('nothing', 'nothing', 'complete', 'begin', 'reopen'),
  });

  it('has no findings, after whatever history, and its numbers are right', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(512, 1024, 2560, 4096),
        fc.constantFrom(1, 3, 1000),
        fc.array(anyTurn, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.nat(),
        (pageSize, operationBundleLimit, turns, seed) => {
          const disk = blankDisk(1);
          const settings = { operationBundleLimit };
          const world = new World(disk, { seed, cacheSize: 256 * 1024, settings });
          world.create(PATH, pageSize);
          const model = new FileModel();
          let writer = new Writer(world, world.open(PATH), model);
          for (const { operation, then } of turns) {
            writer.do(operation);
            if (then === 'complete') {
              writer.file.complete();
              const report = check(disk);
              expect(report).toMatchObject({ findings: [], closedCleanly: false });
            } else if (then === 'begin') writer.file.begin();
            else if (then === 'reopen') {
              writer.file.close();
              writer = new Writer(world, world.open(PATH), model);
            }
          }
          writer.file.close();
          const { control } = writer.file;
          const keys = [...writer.state.pages.keys()];
          expect(check(disk)).toEqual({
            file: PATH,
            uuid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
            pageSize,
            generation: control.generation,
            changeSeq: turns.length,
            closedCleanly: true,
            physicalPages: disk.snapshotFile(PATH).length / pageSize,
            dataPages: keys.filter((key) => key < 0x8000_0000).length,
            otherPages: keys.filter((key) => key >= 0x8000_0000).length,
            freePhysicalPages: control.freePhysical,
            findings: [],
            findingCount: 0,
            notes: [],
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is only read', () => {
    const recording = new RecordingFileSystem(diskWith(5, 3));
    check(recording);
    const calls = new Set(recording.takeLines().map((line) => line.split(' ')[0]));
    expect([...calls].sort()).toEqual(['close', 'open', 'read', 'size']);
  });

  it('is told about by and by: how much is done, and of how much', () => {
    const disk = diskWith(1000, 3);
    const regions = PatGeometry.of(512).regionCount(check(disk).physicalPages);
    expect(regions).toBeGreaterThan(15);
    const handle = disk.open(PATH, 'read');
    const steps = [...checkingPages(handle)];
    handle.close();
    // In a region there may be several steps.
    expect([...new Set(steps.map(({ done }) => done))]).toEqual(
      Array.from({ length: 2 * regions + 1 }, (_, index) => index).slice(steps[0]?.done ?? 0),
    );
    expect(new Set(steps.map(({ total }) => total))).toEqual(new Set([2 * regions]));
  });
});

describe('what is no data file', () => {
  it.each([
    ['nothing', 0],
    ['zeros', 5000],
  ])('is refused: %s', (_, size) => {
    const disk = blankDisk(1);
    disk.putFile(PATH, new Uint8Array(size));
    expect(() => check(disk)).toThrow(BtrieveError);
    expect(() => check(disk)).toThrow('status 30');
  });

  it('may be one that is damaged beyond all recognition: 2', () => {
    const file = tampered();
    for (let slot = 0; slot < 3; slot++) file.bytes[slot * 512 + 100]! ^= 1;
    expect(() => check(file.putAsIs())).toThrow('status 2');
  });

  it('may be one that was cut short: 2', () => {
    const file = tampered();
    expect(() => check(file.putAsIs(file.bytes.slice(0, -1)))).toThrow('status 2');
  });
});

describe('a damaged file', () => {
  it('has a page with a wrong checksum', () => {
    const file = tampered();
    const physicalPage = file.physicalOf(0, 3);
    const at = physicalPage * 512;
    const stored = file.view.getUint32(at, true).toString(16).padStart(8, '0');
    file.bytes[at + 400]! ^= 0x10;
    const { findings, findingCount } = check(file.putAsIs());
    expect(findings).toEqual([
      {
        reason: 'checksum',
        message: 'the checksum of the page is wrong',
        page: 'data page 3',
        physicalPage,
        offset: at,
        expected: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
        found: stored,
      },
    ]);
    expect(findings[0]?.expected).not.toBe(stored);
    expect(findingCount).toBe(1);
  });

  it('is found out about every byte of every page in use', () => {
    const file = tampered(2, 1);
    for (const [space, page] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const) {
      const physicalPage = file.physicalOf(space, page);
      for (let byte = 0; byte < 512; byte += 7) {
        const bytes = file.bytes.slice();
        bytes[physicalPage * 512 + byte]! ^= 1;
        const { findings } = check(file.putAsIs(bytes));
        expect(findings).toMatchObject([{ reason: 'checksum', physicalPage }]);
      }
    }
  });

  it('has an older page in the place of the right one', () => {
    const file = tampered();
    const physicalPage = file.physicalOf(1, 1);
    const generation = file.generationAt(physicalPage) - 1;
    const { pageSeed } = file.control;
    sealPage(file.bytes, file.view, physicalPage * 512, 512, pageSeed, generation);
    const { findings } = check(file.putAsIs());
    expect(findings).toMatchObject([
      { reason: 'stale', page: 'index or variable page 1', physicalPage },
    ]);
  });

  it('has another page in the place of the right one, and the table believes it', () => {
    const file = tampered();
    const physicalPage = file.physicalOf(0, 2);
    const base = physicalPage * 512;
    file.view.setUint32(base + PAGE_HEADER.page, 4, true);
    const { pageSeed, generation } = file.control;
    const checksum = sealPage(file.bytes, file.view, base, 512, pageSeed, generation - 3);
    file.changeEntry(0, 2, physicalPage, checksum);
    expect(check(file.put()).findings).toEqual([
      {
        reason: 'misplaced',
        message: 'another page lies in this place',
        page: 'data page 2',
        physicalPage,
        offset: base,
        expected: 'data page 2',
        found: 'data page 4',
      },
    ]);
  });

  it('has a page of no possible type', () => {
    const file = tampered();
    const physicalPage = file.physicalOf(0, 2);
    const base = physicalPage * 512;
    file.bytes[base + PAGE_HEADER.type] = 15;
    const { pageSeed } = file.control;
    const checksum = sealPage(file.bytes, file.view, base, 512, pageSeed, 1);
    file.changeEntry(0, 2, physicalPage, checksum);
    expect(check(file.put()).findings).toMatchObject([
      { reason: 'type', page: 'data page 2', expected: '16 or more', found: '15' },
    ]);
  });

  it('has a page of the future', () => {
    const file = tampered();
    const physicalPage = file.physicalOf(0, 2);
    const { pageSeed, generation } = file.control;
    const next = generation + 1;
    const checksum = sealPage(file.bytes, file.view, physicalPage * 512, 512, pageSeed, next);
    file.changeEntry(0, 2, physicalPage, checksum);
    expect(check(file.put()).findings).toMatchObject([
      {
        reason: 'generation',
        page: 'data page 2',
        expected: `at most ${generation}`,
        found: String(next),
      },
    ]);
  });

  it.each([0, 1, 2])('has a control record less: %d', (slot) => {
    const file = tampered(5, 3, 1024);
    file.bytes[slot * 1024 + FCR.timeline]! ^= 1;
    const { findings } = check(file.putAsIs());
    expect(findings).toEqual([
      {
        reason: 'fcr-copy',
        message:
          'a copy of the file control record cannot be used: ' +
          'the checksum of the file control record is wrong',
        offset: slot * 1024,
        expected: expect.any(String) as string,
        found: expect.any(String) as string,
      },
    ]);
  });

  it('has something beside a control record', () => {
    const file = tampered(5, 3, 1536);
    file.bytes[2 * 1536 + 700] = 8;
    expect(check(file.putAsIs()).findings).toEqual([
      {
        reason: 'margin',
        message: 'the rest of the page of a file control record is not zero',
        offset: 2 * 1536 + 700,
        expected: '0',
        found: '8',
      },
    ]);
  });

  it('goes on after its end', () => {
    const file = tampered();
    const { length } = file.bytes;
    const longer = new Uint8Array(length + 1);
    longer.set(file.bytes);
    expect(check(file.putAsIs(longer)).findings).toEqual([
      {
        reason: 'size',
        message: 'the file goes on after its last page',
        offset: length,
        expected: `${length} bytes`,
        found: `${length + 1} bytes`,
      },
    ]);
  });

  it('has a bad copy of a PAT page beside the good one', () => {
    const file = tampered();
    const [current, older] = [file.currentPat(0), 3 + 4 - file.currentPat(0)];
    expect(current).not.toBe(older);
    file.bytes[older * 512 + 60]! ^= 1;
    expect(check(file.putAsIs()).findings).toMatchObject([
      {
        reason: 'pat-copy',
        message: 'the checksum of the page is wrong; the other copy is good',
        page: 'PAT page 0',
        physicalPage: older,
        offset: older * 512,
      },
    ]);
  });

  it('has an older PAT page only: then the digest is wrong', () => {
    const file = tampered();
    const current = file.currentPat(0);
    file.bytes[current * 512 + 60]! ^= 1;
    const reasons = reasonsOf(check(file.putAsIs()).findings);
    expect(reasons[0]).toBe('pat-copy');
    expect(reasons).toContain('digest');
  });

  it('has no copy of a PAT page: that is said, and nothing is guessed', () => {
    const file = tampered();
    for (const physical of [3, 4]) file.bytes[physical * 512 + 60]! ^= 1;
    const report = check(file.putAsIs());
    expect(report.findings).toMatchObject([
      { reason: 'pat', page: 'PAT page 0', physicalPage: 3, offset: 3 * 512 },
      { reason: 'pat', page: 'PAT page 0', physicalPage: 4, offset: 4 * 512 },
    ]);
    expect(report.findings[0]?.message).toContain('the pages 0 to 59 of its space cannot be found');
    expect(report.otherPages).toBe(3);
  });

  it.each([
    ['past the end', (file: Tampered) => file.control.physicalPages],
    ['far past the end', () => 0x7fff_ffff],
    ['to a PAT page', () => 4],
    ['to a control record', () => 1],
  ])('has a pointer %s', (_, target) => {
    const file = tampered();
    const physical = file.physicalOf(0, 1);
    const checksum = entryChecksum(file.view, file.entryAt(0, 1));
    file.changeEntry(0, 1, target(file), checksum);
    const { findings } = check(file.put());
    expect(findings).toMatchObject([
      {
        reason: 'pointer',
        message: 'the page allocation table points to where no page can be',
        page: 'data page 1',
        expected: `a usable page below ${file.control.physicalPages}`,
        found: String(target(file)),
      },
      // And its own place is in nobody's use now.
      { reason: 'bitmap', physicalPage: physical, expected: 'free', found: 'in use' },
      { reason: 'count' },
    ]);
  });

  it('has two pages in one place', () => {
    const file = tampered();
    const [one, two] = [file.physicalOf(0, 1), file.physicalOf(0, 2)];
    file.changeEntry(0, 2, one, entryChecksum(file.view, file.entryAt(0, 1)));
    expect(check(file.put()).findings).toMatchObject([
      { reason: 'used-twice', page: 'data page 2', physicalPage: one },
      { reason: 'bitmap', physicalPage: two },
      { reason: 'count' },
    ]);
  });

  it('has a page with a number that was never given out', () => {
    const file = tampered();
    file.control.spaces[0].pages = 4;
    expect(check(file.put()).findings).toMatchObject([
      { reason: 'number', page: 'data page 4', expected: 'below 4', found: '4' },
      { reason: 'count' },
    ]);
  });

  it.each([true, false])('has a wrong bit in a bitmap (%s)', (used) => {
    const file = tampered(20, 3);
    // A free page to be called used, or the other way round.
    const places = Array.from({ length: 20 }, (_, page) => file.physicalOf(0, page));
    for (let page = 0; page < 3; page++) places.push(file.physicalOf(1, page));
    let free = file.geometry.firstUsable(0);
    while (places.includes(free)) free++;
    const physicalPage = used ? free : places[0]!;
    expect(physicalPage).toBeLessThan(file.control.physicalPages);
    file.changePat(0, (base) =>
      setBit(file.view, base + file.geometry.bitmapAt, file.geometry.bitOf(physicalPage), used),
    );
    expect(check(file.put()).findings).toEqual([
      {
        reason: 'bitmap',
        message: 'the bitmap of free space and the page allocation table disagree',
        physicalPage,
        offset: physicalPage * 512,
        expected: used ? 'free' : 'in use',
        found: used ? 'in use' : 'free',
      },
    ]);
  });

  it('has a wrong digest', () => {
    const file = tampered();
    file.control.patSum ^= 1;
    expect(check(file.put()).findings).toMatchObject([{ reason: 'digest' }]);
  });

  it.each([
    ['free physical pages', (record: ControlRecord) => record.freePhysical--],
    ['free numbers of data pages', (record: ControlRecord) => record.spaces[0].free++],
    [
      'free numbers of index and variable pages',
      (record: ControlRecord) => record.spaces[1].free++,
    ],
  ])('counts %s wrongly', (what, change) => {
    const file = tampered(20, 3);
    change(file.control);
    const { findings } = check(file.put());
    expect(reasonsOf(findings)).toEqual(['count']);
    expect(findings[0]?.message).toBe(`the number of ${what} in the file control record is wrong`);
    expect(findings[0]?.expected).not.toBe(findings[0]?.found);
  });

  it('would pass over free numbers', () => {
    const disk = diskWith(130, 3);
    const world = new World(disk, { seed: 1 });
    const file = world.open(PATH);
    file.prepare();
    file.free(0, 3);
    file.free(0, 70);
    file.endOperation();
    file.close();
    const tamperedFile = new Tampered(disk);
    expect(tamperedFile.control.spaces[0]).toMatchObject({ free: 2, firstFree: 0 });
    tamperedFile.control.spaces[0].firstFree = 1;
    expect(check(tamperedFile.put()).findings).toMatchObject([
      { reason: 'count', expected: '0', found: '1' },
    ]);
  });

  it('does not end the check: what cannot be read is a finding, and the rest is read', () => {
    const file = tampered(10, 2);
    const disk = file.putAsIs();
    const faulty = new FaultyFileSystem(disk);
    faulty.setFault({ at: Infinity, code: 'EIO', operations: ['read'] });
    check(faulty);
    const reads = faulty.counted;
    const seen = new Set<string>();
    for (let at = 1; at <= reads; at++) {
      faulty.setFault({ at, code: 'EIO', operations: ['read'] });
      try {
        const { findings } = check(faulty);
        for (const finding of findings) seen.add(finding.reason);
        expect(findings.length).toBeLessThan(4);
      } catch (error) {
        // Without its control records nobody knows what to check.
        expect(at).toBeLessThan(6);
        expect(error).toMatchObject({ status: 2, reason: 'EIO' });
      }
    }
    expect(seen).toContain('EIO');
  });

  it('has more findings than are listed: they are counted', () => {
    const file = tampered(1200, 30);
    for (let page = 0; page < 1200; page++) file.bytes[file.physicalOf(0, page) * 512 + 99]! ^= 1;
    const report = check(file.putAsIs());
    expect(report.findingCount).toBe(1200);
    expect(report.findings).toHaveLength(1000);
    expect(report.findings[999]).toMatchObject({ reason: 'checksum', page: 'data page 999' });
    expect(report.dataPages).toBe(1200);
  });

  it('has findings of one shape: a word, a sentence, and places that agree', () => {
    const file = tampered(40, 10);
    const bytes = file.bytes;
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length - 1), { minLength: 1, maxLength: 9 }), (places) => {
        const broken = bytes.slice();
        for (const at of places) broken[at]! ^= 0x55;
        let report: CheckReport;
        try {
          report = check(file.putAsIs(broken));
        } catch (error) {
          expect(error).toBeInstanceOf(BtrieveError);
          return;
        }
        expect(report.findingCount).toBe(report.findings.length);
        for (const { reason, message, physicalPage, offset, page } of report.findings) {
          expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
          expect(message).toMatch(/^[a-z].*[a-z0-9)]$/);
          if (physicalPage !== undefined) expect(offset).toBe(physicalPage * 512);
          if (offset !== undefined) expect(offset).toBeLessThan(bytes.length);
          if (page !== undefined) expect(page).toMatch(/page \d+$/);
        }
      }),
      { numRuns: 150 },
    );
  });
});
