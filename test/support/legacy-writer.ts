/**
 * Small original files, made from what is known of their layout: for what no real file at hand has
 * (descending keys, repeating duplicates, blank truncation, a second page table, …) and as something to damage.
 *
 * The files are as the reader believes original ones to be, and no more; nothing here was ever shown to the
 * original. Same request, same bytes.
 */
import { setU16, setU32 } from '../../src/microkernel/bytes.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import type { CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { encodeCollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KeyCodec } from '../../src/microkernel/keys/key-codec.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import {
  DATA_BIT,
  LEGACY_PAGE,
  NARROW_SEGMENT,
  NARROW_VARIABLE,
  PLAIN_FCR,
  PLAIN_FREE,
  SHADOW_FCR,
  SHADOW_PAT,
  WIDE_FCR,
  WIDE_PAT,
  WIDE_PAT_ENTRY,
  WIDE_SEGMENT,
  WIDE_VARIABLE,
} from '../../src/legacy/legacy-layout.js';
import { combinePage, scrambledOwners } from '../../src/legacy/legacy-owner.js';
import { randomFrom } from '../crash/world.js';

export interface MadeKey {
  /** As in a key specification; `SEGMENTED` is added. */
  readonly segments: readonly KeySegment[];
}

export interface MadeRequest {
  /** For instance 0x0500. */
  readonly version: number;
  readonly pageSize: number;
  readonly recordLength: number;
  /** File flags. */
  readonly flags?: number;
  readonly keys: readonly MadeKey[];
  readonly records: readonly Uint8Array[];
  /** Free slots among the records. */
  readonly holes?: number;
  readonly sequences?: readonly CollatingSequence[];
  readonly owner?: { readonly name: string; readonly access: number; readonly variant?: 0 | 1 };
  /** Entries on an index page, to make trees deep; else as many as fit. */
  readonly entriesMost?: number;
  /** Pairs of duplicate pointers that no key uses. */
  readonly sparePointers?: number;
  /** Pages in the list of free pages (formats 3 to 5). */
  readonly freePages?: number;
  /** Bytes of a fragment, at most. */
  readonly fragmentMost?: number;
  /** Bytes of a chain that a VAT names. */
  readonly vatChain?: number;
  /** Mapped formats: the file was not closed, and table copies of a later change are in it. */
  readonly isUnfinished?: boolean;
  /** Mapped formats: which copy of the header is current. */
  readonly currentCopy?: 0 | 1;
  readonly seed?: number;
}

export interface MadeLegacyFile {
  readonly bytes: Uint8Array;
  /** Per byte: 1 where a record says something that nothing else in the file says. */
  readonly payload: Uint8Array;
  /** Address of each record, as requested. */
  readonly addresses: readonly number[];
}

interface Page {
  readonly number: number;
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly payload: Uint8Array;
}

interface FragmentPlace {
  readonly page: number;
  readonly number: number;
}

const NO_FRAGMENT: FragmentPlace = { page: 0xffff_ffff, number: 0xffff };
const NONE = 0xffff_ffff;
const USAGE = 7;
const BLANK = 0x20;
const UNIT = 8192;
const WIDE_ENTRIES = 956;
const SYSTEM_KEY = 125;

/** Makes a file. */
export function makeLegacyFile(request: MadeRequest): MadeLegacyFile {
  return new LegacyWriter(request).make();
}

class LegacyWriter {
  readonly #request: MadeRequest;
  readonly #family: 'plain' | 'shadow' | 'wide';
  readonly #pages: Page[] = [];
  readonly #flags: number;
  readonly #isCompressed: boolean;
  readonly #isVariable: boolean;
  readonly #hasVats: boolean;
  readonly #truncates: boolean;
  readonly #hasSystemData: boolean;
  readonly #pointerSize: number;
  readonly #dataHeader: number;
  readonly #random: () => number;
  readonly #linked: number[] = [];

  /** Offsets in a slot. */
  #recordAt = 0;
  #pointerAt = 0;
  #useAt = -1;
  #systemAt = -1;
  #lengthAt = 0;
  #blanksAt = 0;
  #pointersAt = 0;
  #slotLength = 0;
  #perPage = 0;
  #slotBits = 0;
  #freeHead = NONE;
  #addresses: number[] = [];
  #slots: { page: Page; at: number }[] = [];
  #roots: { root: number; entries: number }[] = [];
  #variablePage: Page | undefined;

  constructor(request: MadeRequest) {
    this.#request = request;
    this.#family =
      request.version < 0x0600 ? 'plain' : request.version < 0x0800 ? 'shadow' : 'wide';
    this.#flags = request.flags ?? 0;
    this.#isVariable = (this.#flags & FILE_FLAG.VARIABLE) !== 0;
    this.#isCompressed = (this.#flags & FILE_FLAG.DATA_COMPRESSION) !== 0;
    this.#hasVats = (this.#flags & FILE_FLAG.VATS) !== 0;
    this.#truncates = (this.#flags & FILE_FLAG.BLANK_TRUNCATION) !== 0 && !this.#isCompressed;
    this.#hasSystemData = (this.#flags & FILE_FLAG.SYSTEM_DATA) !== 0 && request.version >= 0x0700;
    this.#pointerSize = this.#family === 'wide' ? 6 : 4;
    this.#dataHeader = this.#family === 'wide' ? 10 : 6;
    this.#random = randomFrom(request.seed ?? 1);
    this.#planSlots();
  }

  make(): MadeLegacyFile {
    const sequencePages = (this.#request.sequences ?? []).map((sequence) =>
      this.#sequence(sequence),
    );
    this.#placeRecords();
    const keys = [...this.#request.keys, ...(this.#hasSystemData ? [systemKey()] : [])];
    this.#roots = keys.map((key, number) =>
      this.#index(key, number, number === this.#request.keys.length),
    );
    const freePages = Array.from({ length: this.#request.freePages ?? 0 }, () => this.#page(0));
    freePages.forEach((page, i) => {
      this.#setPage(page.view, PLAIN_FREE.next, freePages[i + 1]?.number ?? NONE);
      setU16(page.view, PLAIN_FREE.usage, 3);
    });
    this.#endVariable();
    const parts = { keys, sequencePages, freePages: freePages[0]?.number ?? NONE };
    const made = this.#family === 'plain' ? this.#plainFile(parts) : this.#mappedFile(parts);
    return { ...made, addresses: this.#addresses };
  }

  // -------------------------------------------------------------------------------------------
  // Numbers

  #setW32(view: DataView, at: number, value: number): void {
    setU16(view, at, Math.floor(value / 0x1_0000));
    setU16(view, at + 2, value % 0x1_0000);
  }

  #setAddress(view: DataView, at: number, value: number): void {
    if (this.#family === 'wide') setU32(view, at, value);
    else this.#setW32(view, at, value);
  }

  /** A page number where one page points to another. */
  #setPage(view: DataView, at: number, page: number, type = 0xff): void {
    if (this.#family === 'wide') setU32(view, at, page);
    else if (this.#family === 'plain') this.#setW32(view, at, page);
    else setP24(view, at, page, page === NONE ? 0xff : type);
  }

  #setFragment(view: DataView, at: number, { page, number }: FragmentPlace): void {
    if (this.#family === 'wide') {
      setU32(view, at, page);
      setU16(view, at + 4, number);
      return;
    }
    view.setUint8(at, page >>> 16);
    setU16(view, at + 1, page & 0xffff);
    view.setUint8(at + 3, number);
  }

  // -------------------------------------------------------------------------------------------
  // Pages

  #page(type: number): Page {
    const { pageSize } = this.#request;
    const bytes = new Uint8Array(pageSize);
    const view = new DataView(bytes.buffer);
    const number = this.#pages.length + 1;
    const page = { number, type, bytes, view, payload: new Uint8Array(pageSize) };
    const usage = (type === LEGACY_PAGE.DATA ? DATA_BIT : 0) | 2;
    if (this.#family === 'wide') {
      setU32(view, 0, number);
      setU16(view, 4, type);
      setU16(view, 8, usage);
    } else {
      if (this.#family === 'plain') this.#setW32(view, 0, number);
      else setP24(view, 0, number, type);
      setU16(view, 4, usage);
    }
    this.#pages.push(page);
    return page;
  }

  #sequence(sequence: CollatingSequence): number {
    const page = this.#page(LEGACY_PAGE.SEQUENCE);
    page.bytes.set(encodeCollatingSequence(sequence), this.#dataHeader);
    return page.number;
  }

  // -------------------------------------------------------------------------------------------
  // Records

  #planSlots(): void {
    const { recordLength, keys, sparePointers = 0, pageSize } = this.#request;
    let size = 0;
    const field = (width: number): number => (size += width) - width;
    if (this.#isCompressed) {
      this.#pointerAt = field(this.#pointerSize);
      field(1);
    }
    if (this.#family !== 'plain') this.#useAt = field(2);
    if (this.#hasSystemData) this.#systemAt = field(8);
    if (!this.#isCompressed) {
      this.#recordAt = field(recordLength);
      if (this.#isVariable) this.#pointerAt = field(this.#pointerSize);
      if (this.#hasVats) this.#lengthAt = field(4);
      if (this.#truncates) this.#blanksAt = field(this.#hasVats ? 4 : 2);
    }
    this.#pointersAt = size;
    for (const key of keys)
      if (isLinkedKey(key)) this.#linked.push(field(8));
      else this.#linked.push(0);
    field(8 * sparePointers);
    this.#slotLength = size;
    this.#perPage = Math.floor((pageSize - this.#dataHeader) / size);
    if (this.#family === 'wide') this.#slotBits = Math.max(4, Math.ceil(Math.log2(this.#perPage)));
  }

  #placeRecords(): void {
    const { records, holes = 0 } = this.#request;
    const total = records.length + holes;
    const dataPages: Page[] = [];
    for (let n = 0; n < Math.max(1, Math.ceil(total / this.#perPage)); n++)
      dataPages.push(this.#page(LEGACY_PAGE.DATA));
    // Formats with use counts have all slots of a page on the chain; before, the end of the last one is unused.
    const slotCount = this.#family === 'plain' ? total : dataPages.length * this.#perPage;
    const all = Array.from({ length: slotCount }, (_, n) => {
      const page = dataPages[Math.floor(n / this.#perPage)]!;
      const slot = n % this.#perPage;
      const at = this.#dataHeader + slot * this.#slotLength;
      const address =
        this.#family === 'wide'
          ? page.number * 2 ** this.#slotBits + slot
          : page.number * this.#request.pageSize + at;
      return { page, at, address };
    });
    // Holes among the records, and then the rest of the last page.
    const free = new Set<number>();
    while (free.size < holes) free.add(Math.floor(this.#random() * total));
    for (let n = total; n < slotCount; n++) free.add(n);
    const used = all.filter((_, n) => !free.has(n));
    this.#addresses = used.map(({ address }) => address);
    this.#slots = used;
    for (const n of [...free].sort((a, b) => a - b)) this.#freeSlot(all[n]!);
    records.forEach((record, i) => this.#record(record, i));
  }

  #freeSlot({ page, at, address }: { page: Page; at: number; address: number }): void {
    const link = this.#isCompressed || this.#family === 'plain' ? 0 : 2;
    this.#setAddress(page.view, at + link, this.#freeHead);
    this.#freeHead = address;
  }

  #record(record: Uint8Array, index: number): void {
    const { recordLength } = this.#request;
    const { page, at } = this.#slots[index]!;
    const { view, payload } = page;
    if (this.#useAt >= 0) setU16(view, at + this.#useAt, 1 + (index % 3));
    if (this.#systemAt >= 0) view.setBigUint64(at + this.#systemAt, systemKeyOf(index), true);
    if (this.#isCompressed) {
      view.setUint8(at + this.#pointerAt + this.#pointerSize, 1);
      this.#setFragment(view, at + this.#pointerAt, this.#chain(compressed(record)));
      return;
    }
    page.bytes.set(record.subarray(0, recordLength), at + this.#recordAt);
    payload.fill(1, at + this.#recordAt, at + this.#recordAt + recordLength);
    if (!this.#isVariable) return;
    let rest = record.subarray(recordLength);
    if (this.#truncates) {
      let end = rest.length;
      while (end > 0 && rest[end - 1] === BLANK) end--;
      const size = this.#hasVats ? 4 : 2;
      if (this.#hasVats) setU32(view, at + this.#blanksAt, rest.length - end);
      else setU16(view, at + this.#blanksAt, rest.length - end);
      payload.fill(1, at + this.#blanksAt, at + this.#blanksAt + size);
      rest = rest.subarray(0, end);
    }
    if (this.#hasVats) setU32(view, at + this.#lengthAt, recordLength + rest.length);
    const place = this.#hasVats ? this.#vat(rest) : this.#chain(rest);
    this.#setFragment(view, at + this.#pointerAt, place);
  }

  // -------------------------------------------------------------------------------------------
  // Variable parts

  #vat(bytes: Uint8Array): FragmentPlace {
    const most = this.#request.vatChain ?? 0x8000;
    const entrySize = this.#pointerSize + 4;
    const count = Math.ceil(bytes.length / most);
    const vat = new Uint8Array(count * entrySize);
    const view = new DataView(vat.buffer);
    for (let i = 0; i < count; i++) {
      const part = bytes.subarray(i * most, (i + 1) * most);
      this.#setFragment(view, i * entrySize, this.#chain(part));
      setU32(view, i * entrySize + this.#pointerSize, part.length);
    }
    return this.#chain(vat);
  }

  /** Stores bytes as a chain of fragments, the last of them first. */
  #chain(bytes: Uint8Array): FragmentPlace {
    const header = this.#variable.size;
    const most = Math.min(
      this.#request.fragmentMost ?? Infinity,
      this.#request.pageSize - header - 2 * 3 - this.#pointerSize,
    );
    let next = NO_FRAGMENT;
    const count = Math.ceil(bytes.length / most);
    for (let i = count - 1; i >= 0; i--)
      next = this.#fragment(bytes.subarray(i * most, (i + 1) * most), next);
    return next;
  }

  get #variable(): { size: number; count: number } {
    return this.#family === 'wide' ? WIDE_VARIABLE : NARROW_VARIABLE;
  }

  #fragment(bytes: Uint8Array, next: FragmentPlace): FragmentPlace {
    const { pageSize } = this.#request;
    const isLinked = this.#family !== 'plain' || next !== NO_FRAGMENT;
    const size = bytes.length + (isLinked ? this.#pointerSize : 0);
    let page = this.#variablePage;
    let count = page === undefined ? 0 : page.view.getUint16(this.#variable.count, true);
    const end = (): number => page!.view.getUint16(pageSize - 2 * (count + 1), true);
    // Room for a free entry, too.
    if (page === undefined || end() + size + 2 * (count + 3) > pageSize || count > 250) {
      this.#endVariable();
      page = this.#variablePage = this.#page(LEGACY_PAGE.VARIABLE);
      count = 0;
      setU16(page.view, pageSize - 2, this.#variable.size);
      const room = this.#family === 'wide' ? WIDE_VARIABLE.room : NARROW_VARIABLE.room;
      setU32(page.view, room, NONE);
      if (this.#family === 'wide') setU16(page.view, WIDE_VARIABLE.unknown, 0xff);
    }
    const { view } = page;
    let at = end();
    const setEntry = (entry: number): void => {
      setU16(view, pageSize - 2 * (count + 1), entry);
      page.payload.fill(
        this.#family === 'plain' ? 1 : 0,
        pageSize - 2 * (count + 2),
        pageSize - 2 * count,
      );
      count++;
    };
    if (count % 4 === 3) setEntry(0xffff);
    const number = count;
    setEntry(at | (isLinked && this.#family === 'plain' ? 0x8000 : 0));
    if (isLinked) {
      this.#setFragment(view, at, next);
      at += this.#pointerSize;
    }
    page.bytes.set(bytes, at);
    page.payload.fill(1, at, at + bytes.length);
    setU16(view, pageSize - 2 * (count + 1), at + bytes.length);
    // Nothing else says where the last fragment ends.
    page.payload.fill(1, pageSize - 2 * (count + 1), pageSize - 2 * count);
    setU16(view, this.#variable.count, count);
    return { page: page.number, number };
  }

  #endVariable(): void {
    this.#variablePage = undefined;
  }

  // -------------------------------------------------------------------------------------------
  // Indexes

  #index(key: MadeKey, number: number, isSystem: boolean): { root: number; entries: number } {
    const { records, sequences = [] } = this.#request;
    const codec = KeyCodec.of({ number, segments: key.segments }, sequences);
    const rows = records.flatMap((record, i) => {
      const bytes = isSystem ? systemBytes(i) : record;
      if (codec.isNull(bytes, 0)) return [];
      const words = new Int32Array(codec.wordCount);
      codec.encodeRecord(bytes, 0, words, 0);
      const value = new Uint8Array(codec.keyLength);
      codec.extract(bytes, 0, value);
      return [{ words, value, indexes: [i] }];
    });
    rows.sort((a, b) => compareWords(a.words, b.words) || a.indexes[0]! - b.indexes[0]!);
    const entries: (typeof rows)[number][] = [];
    for (const row of rows) {
      const last = entries.at(-1);
      if (isLinkedKey(key) && last !== undefined && compareWords(last.words, row.words) === 0)
        last.indexes.push(...row.indexes);
      else entries.push(row);
    }
    if (isLinkedKey(key))
      for (const entry of entries) this.#linkDuplicates(entry.indexes, this.#linked[number]!);
    const type =
      (this.#family === 'wide' ? LEGACY_PAGE.INDEX_WIDE : LEGACY_PAGE.INDEX_NARROW) + number;
    const image = (entry: (typeof rows)[number]): Uint8Array => {
      const bytes = new Uint8Array(4 + codec.keyLength + (isLinkedKey(key) ? 8 : 4));
      const view = new DataView(bytes.buffer);
      bytes.set(entry.value, 4);
      this.#setAddress(view, 4 + codec.keyLength, this.#addresses[entry.indexes[0]!]!);
      if (isLinkedKey(key))
        this.#setAddress(view, 8 + codec.keyLength, this.#addresses[entry.indexes.at(-1)!]!);
      return bytes;
    };
    const root = this.#tree(entries.map(image), type, this.#entryLength(key));
    return { root, entries: entries.length };
  }

  #entryLength(key: MadeKey): number {
    const length = key.segments.reduce((sum, segment) => sum + segment.length, 0);
    return length + (isLinkedKey(key) ? 12 : 8);
  }

  #entriesMost(entryLength: number): number {
    const header = this.#family === 'wide' ? 16 : 12;
    return Math.floor((this.#request.pageSize - header) / entryLength);
  }

  #linkDuplicates(indexes: readonly number[], pointersAt: number): void {
    indexes.forEach((index, i) => {
      const { page, at } = this.#slots[index]!;
      const addressOf = (n: number | undefined): number =>
        n === undefined ? NONE : this.#addresses[n]!;
      this.#setAddress(page.view, at + pointersAt, addressOf(indexes[i - 1]));
      this.#setAddress(page.view, at + pointersAt + 4, addressOf(indexes[i + 1]));
    });
  }

  /** A tree of these entries; returns its root. */
  #tree(entries: readonly Uint8Array[], type: number, entryLength: number): number {
    const most = Math.min(this.#request.entriesMost ?? Infinity, this.#entriesMost(entryLength));
    if (entries.length <= most) return this.#node(entries, [], type, entryLength);
    // As many children as are needed with one entry between each two of them.
    let [depth, capacity] = [1, most];
    while (capacity < entries.length) [depth, capacity] = [depth + 1, capacity * (most + 1) + most];
    const below = (capacity - most) / (most + 1);
    const children = Math.ceil((entries.length + 1) / (below + 1));
    const [nodes, separators]: [number[], Uint8Array[]] = [[], []];
    for (let i = 0, from = 0; i < children; i++) {
      const left = entries.length - from - (children - i - 1);
      const count = Math.ceil(left / (children - i));
      nodes.push(this.#tree(entries.slice(from, from + count), type, entryLength));
      from += count;
      if (i < children - 1) separators.push(entries[from++]!);
    }
    return this.#node(separators, nodes, type, entryLength);
  }

  #node(
    entries: readonly Uint8Array[],
    children: readonly number[],
    type: number,
    entryLength: number,
  ): number {
    const page = this.#page(type);
    const header = this.#family === 'wide' ? 16 : 12;
    setU16(page.view, header - 6, entries.length);
    this.#setPage(page.view, header - 4, children[entries.length] ?? NONE, type);
    entries.forEach((entry, i) => {
      const at = header + i * entryLength;
      page.bytes.set(entry, at);
      this.#setPage(page.view, at, children[i] ?? NONE, type);
    });
    return page.number;
  }

  // -------------------------------------------------------------------------------------------
  // Headers

  #segments(
    view: DataView,
    key: MadeKey,
    number: number,
    at: number,
    sequencePages: readonly number[],
  ): number {
    const { root, entries } = this.#roots[number]!;
    const isWide = this.#family === 'wide';
    const fields = isWide ? WIDE_SEGMENT : NARROW_SEGMENT;
    const entryLength = this.#entryLength(key);
    const pageType = (isWide ? LEGACY_PAGE.INDEX_WIDE : LEGACY_PAGE.INDEX_NARROW) + number;
    key.segments.forEach((segment, i) => {
      const from = at + i * fields.size;
      if (i === 0) {
        this.#setPage(view, from + fields.root, root, pageType);
        this.#setW32(view, from + fields.entries, entries);
        setU16(
          view,
          from + fields.keyLength,
          key.segments.reduce((sum, one) => sum + one.length, 0),
        );
        setU16(view, from + fields.entryLength, entryLength);
        setU16(view, from + fields.entriesMost, this.#entriesMost(entryLength));
        setU16(view, from + fields.entriesHalf, this.#entriesMost(entryLength) >> 1);
        setU16(view, from + fields.pointersAt, this.#linked[number] ?? 0);
      }
      const more = i < key.segments.length - 1 ? KEY_FLAG.SEGMENTED : 0;
      setU16(view, from + fields.flags, segment.flags | more);
      setU16(
        view,
        from + fields.offset,
        segment.offset + (this.#isCompressed ? 0 : this.#recordAt),
      );
      setU16(view, from + fields.length, segment.length);
      if ((segment.flags & KEY_FLAG.EXTENDED_TYPE) !== 0)
        view.setUint8(from + fields.type, segment.type);
      view.setUint8(from + fields.nullValue, segment.nullValue);
      if (isWide) setU16(view, from + WIDE_SEGMENT.pageType, number);
      if (this.#family !== 'shadow') return;
      view.setUint8(from + NARROW_SEGMENT.pageType, pageType);
      if (segment.sequence !== undefined)
        setU16(view, from + NARROW_SEGMENT.sequencePage + 1, sequencePages[segment.sequence] ?? 0);
    });
    return at + key.segments.length * fields.size;
  }

  #owner(view: DataView, at: number, accessAt: number): void {
    const { owner } = this.#request;
    if (owner === undefined) return;
    const bytes = scrambledOwners(owner.name)[owner.variant ?? 0]!;
    bytes.forEach((byte, i) => view.setUint8(at + i, byte));
    view.setUint8(accessAt, owner.access);
  }

  #setVersion(view: DataView, at: number): void {
    const { version, owner } = this.#request;
    view.setInt16(at, owner === undefined ? version : -version, true);
  }

  #setLengths(
    view: DataView,
    fcr: Readonly<
      Record<
        'keys' | 'recordLength' | 'slotLength' | 'records' | 'flags' | 'compressedLength',
        number
      >
    >,
  ): void {
    const { recordLength, records, keys } = this.#request;
    setU16(view, fcr.keys, keys.length);
    setU16(view, this.#isCompressed ? fcr.compressedLength : fcr.recordLength, recordLength);
    setU16(view, fcr.slotLength, this.#slotLength);
    this.#setW32(view, fcr.records, records.length);
    setU16(view, fcr.flags, this.#flags);
  }

  #plainFile({ keys, sequencePages, freePages }: FileParts): {
    bytes: Uint8Array;
    payload: Uint8Array;
  } {
    const { pageSize, records, holes = 0, version } = this.#request;
    const fcr = new Uint8Array(pageSize);
    const view = new DataView(fcr.buffer);
    setU16(view, PLAIN_FCR.usage, 5);
    this.#setVersion(view, PLAIN_FCR.version);
    setU16(view, PLAIN_FCR.pageSize, pageSize);
    this.#setW32(view, PLAIN_FCR.freePages, freePages);
    this.#setW32(view, PLAIN_FCR.freeSlots, this.#freeHead);
    this.#setLengths(view, PLAIN_FCR);
    const lastData = this.#pages.findLast(({ type }) => type === LEGACY_PAGE.DATA)!;
    const slots = records.length + holes;
    const onLast = slots === 0 ? 0 : ((slots - 1) % this.#perPage) + 1;
    this.#setW32(view, PLAIN_FCR.fillingPage, lastData.number);
    setU16(view, PLAIN_FCR.fillingUnused, pageSize - this.#dataHeader - onLast * this.#slotLength);
    setU16(view, PLAIN_FCR.unknownA, 1);
    this.#setW32(view, PLAIN_FCR.pages, this.#pages.length + 1);
    this.#owner(view, PLAIN_FCR.owner, PLAIN_FCR.ownerAccess);
    if (this.#isVariable) view.setUint8(PLAIN_FCR.variable, 0xff);
    if (sequencePages.length > 0) {
      if (version !== 0x0300) this.#setW32(view, PLAIN_FCR.sequencePage, sequencePages[0]!);
      view.setUint8(PLAIN_FCR.sequenceName, 0x41);
    }
    let at: number = PLAIN_FCR.size;
    keys.forEach((key, number) => (at = this.#segments(view, key, number, at, sequencePages)));
    const bytes = new Uint8Array(pageSize * (this.#pages.length + 1));
    const payload = new Uint8Array(bytes.length);
    bytes.set(fcr);
    for (const page of this.#pages) {
      bytes.set(page.bytes, page.number * pageSize);
      payload.set(page.payload, page.number * pageSize);
    }
    const { owner } = this.#request;
    if (owner !== undefined && owner.access >= 2) {
      const key = fcr.slice(PLAIN_FCR.owner, PLAIN_FCR.owner + 8);
      const spread = key[0]! % 4 === 3 ? 'quarters' : 'repeated';
      for (const { number } of this.#pages)
        combinePage(bytes, number * pageSize, pageSize, key, spread);
    }
    return { bytes, payload };
  }

  #mappedFile(parts: FileParts): { bytes: Uint8Array; payload: Uint8Array } {
    const { pageSize, isUnfinished = false, currentCopy = 1 } = this.#request;
    const isWide = this.#family === 'wide';
    const unit = isWide ? UNIT : pageSize;
    const perTable = isWide ? WIDE_ENTRIES : (pageSize - SHADOW_PAT.size) / 4;
    const firstTable = (isWide ? 4 : 2) * unit;
    const stride = isWide ? perTable * pageSize + 2 * unit : (pageSize / 4) * pageSize;
    const tables = Math.ceil(this.#pages.length / perTable);
    const places = this.#places(tables * perTable, perTable, firstTable + 2 * unit, stride);
    const lastUsed = Math.max(...places.slice(0, this.#pages.length));
    const bytes = new Uint8Array(
      Math.max(lastUsed + pageSize, firstTable + (tables - 1) * stride + 2 * unit),
    );
    const payload = new Uint8Array(bytes.length);
    for (const page of this.#pages) {
      const at = places[page.number - 1]!;
      bytes.set(page.bytes, at);
      payload.set(page.payload, at);
    }
    const header = isWide ? this.#wideHeader(parts, unit) : this.#shadowHeader(parts, unit);
    bytes.set(header, currentCopy * unit);
    const older = isUnfinished ? olderHeader(header) : this.#freshHeader(unit, header);
    bytes.set(older, (1 - currentCopy) * unit);
    for (let table = 0; table < tables; table++) {
      const at = firstTable + table * stride;
      bytes.set(this.#table(table, perTable, places, unit, USAGE), at + unit);
      const other = isUnfinished
        ? this.#table(table, perTable, [...places].reverse(), unit, USAGE + 2)
        : this.#table(
            table,
            perTable,
            places.map(() => -1),
            unit,
            1,
          );
      bytes.set(other, at);
    }
    return { bytes, payload };
  }

  /** Where each page lies: neighbours changed about, as after some writes. */
  #places(count: number, perTable: number, firstAt: number, stride: number): number[] {
    const { pageSize } = this.#request;
    const places = Array.from(
      { length: count },
      (_, i) => firstAt + Math.floor(i / perTable) * stride + (i % perTable) * pageSize,
    );
    const used = this.#pages.length;
    for (let i = 0; i + 1 < used; i++) {
      const other = i + Math.floor(this.#random() * Math.min(5, used - i));
      [places[i], places[other]] = [places[other]!, places[i]!];
    }
    return places;
  }

  #table(
    table: number,
    perTable: number,
    places: readonly number[],
    size: number,
    usage: number,
  ): Uint8Array {
    const { pageSize } = this.#request;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const isWide = this.#family === 'wide';
    if (isWide) {
      setU32(view, WIDE_PAT.page, 0x5000_0001 + table);
      setU16(view, WIDE_PAT.type, 0x50);
      setU32(view, WIDE_PAT.usage, usage);
    } else {
      setU16(view, SHADOW_PAT.signature, 0x5050);
      setU16(view, SHADOW_PAT.number, table + 1);
      setU32(view, SHADOW_PAT.usage, usage);
    }
    for (let i = 0; i < perTable; i++) {
      const index = table * perTable + i;
      const place = places[index]!;
      const type = place < 0 ? 0 : (this.#pages[index]?.type ?? 0);
      if (isWide) {
        const at = WIDE_PAT.size + i * WIDE_PAT_ENTRY.size;
        setU32(view, at, type === 0 ? 0xffff_fffe : place / pageSize);
        setU16(view, at + WIDE_PAT_ENTRY.type, type);
        setU16(view, at + WIDE_PAT_ENTRY.one, type === 0 ? 0 : 1);
      } else setP24(view, SHADOW_PAT.size + i * 4, Math.max(place, 0) / pageSize, type);
    }
    return bytes;
  }

  /** The copy of the header that was there first: signature, page size and version. */
  #freshHeader(unit: number, current: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(unit);
    const isWide = this.#family === 'wide';
    const keep: readonly (readonly [number, number])[] = isWide
      ? [
          [WIDE_FCR.signature, 8],
          [WIDE_FCR.pageSize, 2],
          [WIDE_FCR.version, 2],
        ]
      : [
          [SHADOW_FCR.signature, 4],
          [SHADOW_FCR.pageSize, 2],
          [SHADOW_FCR.version, 2],
        ];
    for (const [at, size] of keep) bytes.set(current.subarray(at, at + size), at);
    return bytes;
  }

  #shadowHeader({ keys, sequencePages }: FileParts, unit: number): Uint8Array {
    const { pageSize, isUnfinished = false } = this.#request;
    const bytes = new Uint8Array(unit);
    const view = new DataView(bytes.buffer);
    setU32(view, SHADOW_FCR.signature, 0x4346);
    setU32(view, SHADOW_FCR.usage, USAGE);
    setU16(view, SHADOW_FCR.pageSize, pageSize);
    setU16(view, SHADOW_FCR.state, isUnfinished ? 0x4000 : 0);
    bytes.fill(0xff, SHADOW_FCR.unknownA, SHADOW_FCR.unknownA + 8);
    this.#setLengths(view, SHADOW_FCR);
    this.#setW32(view, SHADOW_FCR.nextPage, this.#pages.length + 1);
    this.#owner(view, SHADOW_FCR.owner, SHADOW_FCR.ownerAccess);
    if (this.#isVariable) bytes.fill(0xff, SHADOW_FCR.variable, SHADOW_FCR.variable + 4);
    this.#setVersion(view, SHADOW_FCR.version);
    setU16(view, SHADOW_FCR.pointersAt, this.#pointersAt);
    view.setUint8(SHADOW_FCR.keysAgain, this.#request.keys.length);
    this.#setW32(view, SHADOW_FCR.freeSlots, this.#freeHead);
    setU32(view, SHADOW_FCR.roomList, 0xffff_ff00);
    this.#setW32(view, SHADOW_FCR.sequencePage, sequencePages[0] ?? 0);
    this.#setKeys(
      view,
      keys,
      sequencePages,
      SHADOW_FCR.size,
      SHADOW_FCR.keyTable,
      pageSize - 2 * 40,
    );
    return bytes;
  }

  #wideHeader({ keys, sequencePages }: FileParts, unit: number): Uint8Array {
    const { pageSize, isUnfinished = false } = this.#request;
    const bytes = new Uint8Array(unit);
    const view = new DataView(bytes.buffer);
    setU32(view, WIDE_FCR.signature, 0x4346);
    setU32(view, WIDE_FCR.pageType, 0x43);
    setU32(view, WIDE_FCR.usage, USAGE);
    setU32(view, WIDE_FCR.state, isUnfinished ? 0x4000 : 0);
    this.#setLengths(view, WIDE_FCR);
    this.#setW32(view, WIDE_FCR.nextPage, this.#pages.length + 1);
    setU16(view, WIDE_FCR.pageSize, pageSize);
    this.#owner(view, WIDE_FCR.owner, WIDE_FCR.ownerAccess);
    if (this.#isVariable) view.setUint8(WIDE_FCR.variable, 0xff);
    this.#setVersion(view, WIDE_FCR.version);
    setU16(view, WIDE_FCR.keysAgain, this.#request.keys.length);
    setU32(view, WIDE_FCR.freeSlots, this.#freeHead);
    setU32(view, WIDE_FCR.roomList, NONE);
    view.setUint8(WIDE_FCR.slotBits, this.#slotBits);
    const users = keys.slice(0, this.#request.keys.length);
    this.#setKeys(view, users, sequencePages, WIDE_FCR.size, WIDE_FCR.keyTable, 0x1e66);
    const system = keys[users.length];
    if (system !== undefined) {
      view.setUint8(WIDE_FCR.systemKeyNumber, SYSTEM_KEY);
      this.#segments(view, system, users.length, WIDE_FCR.systemKeySegment, []);
    }
    return bytes;
  }

  #setKeys(
    view: DataView,
    keys: readonly MadeKey[],
    sequencePages: readonly number[],
    from: number,
    tableField: number,
    table: number,
  ): void {
    setU16(view, tableField, table);
    let at = from;
    keys.forEach((key, number) => {
      setU16(view, table + 2 * number, at);
      at = this.#segments(view, key, number, at, sequencePages);
    });
  }
}

interface FileParts {
  readonly keys: readonly MadeKey[];
  readonly sequencePages: readonly number[];
  readonly freePages: number;
}

/** The same with a lower usage count: the copy that the next change overwrites. */
function olderHeader(header: Uint8Array): Uint8Array {
  const older = header.slice();
  const view = new DataView(older.buffer);
  const isWide = view.getUint32(WIDE_FCR.pageType, true) === 0x43;
  setU32(view, isWide ? WIDE_FCR.usage : SHADOW_FCR.usage, USAGE - 1);
  return older;
}

function setP24(view: DataView, at: number, page: number, type: number): void {
  view.setUint8(at, page >>> 16);
  view.setUint8(at + 1, type);
  setU16(view, at + 2, page & 0xffff);
}

function isLinkedKey(key: MadeKey): boolean {
  const flags = key.segments[0]?.flags ?? 0;
  return (flags & (KEY_FLAG.DUPLICATES | KEY_FLAG.REPEATING)) === KEY_FLAG.DUPLICATES;
}

function systemKey(): MadeKey {
  const flags = KEY_FLAG.EXTENDED_TYPE;
  return { segments: [{ offset: 0, length: 8, flags, type: 14, nullValue: 0 }] };
}

function systemKeyOf(index: number): bigint {
  return 636_000_000_000_000_000n + BigInt(index) * 1000n;
}

function systemBytes(index: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, systemKeyOf(index), true);
  return bytes;
}

function compareWords(a: Int32Array, b: Int32Array): number {
  const at = a.findIndex((word, i) => word !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** Runs of five and more become repeats, as the original makes them. */
export function compressed(record: Uint8Array): Uint8Array {
  const out: number[] = [];
  let at = 0;
  const put16 = (value: number): void => void out.push(value & 0xff, value >> 8);
  while (at < record.length) {
    let [end, run] = [at, 0];
    while (end < record.length) {
      run = 1;
      while (end + run < record.length && record[end + run] === record[end]) run++;
      if (run >= 5) break;
      end += run;
    }
    put16(end - at);
    out.push(...record.subarray(at, end));
    if (end === record.length) break;
    put16(run);
    out.push(record[end]!);
    at = end + run;
  }
  return Uint8Array.from(out);
}
