/**
 * What an original file is, in the terms of the engine: its definition with keys and collating
 * sequences, and of each key where its index is.
 *
 * A key that contradicts itself, or whose order is not known, does not keep the rest of the file from being read:
 * it is left out, or refused when it is used, with a warning that says why.
 */
import { u16 } from '../microkernel/bytes.js';
import {
  FILE_FLAG,
  KEY_LIMIT,
  type FileDefinition,
} from '../microkernel/definition/file-definition.js';
import {
  ACS_BLOCK_SIZE,
  ACS_SIGNATURE,
  decodeCollatingSequence,
  type CollatingSequence,
} from '../microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { isLegalLength, KEY_LENGTH_MAX, KEY_TYPE, keyType } from '../microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { LEGACY_FAMILY } from './legacy-family.js';
import type { LegacyHeader, LegacyWarning } from './legacy-fcr.js';
import {
  LEGACY_PAGE,
  NARROW_SEGMENT,
  NARROW_SEQUENCE,
  WIDE_DATA,
  WIDE_SEGMENT,
} from './legacy-layout.js';
import { NONE, w32 } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';
import type { SlotPlan } from './legacy-slots.js';

/** A key of an original file. */
export interface LegacyKey {
  readonly definition: KeyDefinition;
  /** Page of the root of its index. */
  readonly root: number;
  /** Type of the pages of its index; `LEGACY_PAGE.NONE` where pages have none. */
  readonly pageType: number;
  /** Entries of its index as the header counts them: distinct values, except with repeating duplicates. */
  readonly entries: number;
  readonly keyLength: number;
  readonly entryLength: number;
  /** Records with equal values are linked; else each has an entry. */
  readonly isLinked: boolean;
  /** Offset in a slot of the pointers to its duplicates. */
  readonly pointersAt: number;
  /** The key value is the system key of a record. */
  readonly isSystem: boolean;
  /** Why the index cannot be used. */
  readonly refusal: BtrieveError | undefined;
}

export interface LegacyDefinition {
  readonly file: FileDefinition;
  /** By ascending number, the system key last. */
  readonly keys: readonly LegacyKey[];
}

/** Behind the key in an entry: left child and one address, or two. */
const ENTRY_REST = 8;
const ENTRY_REST_LINKED = 12;
const SYSTEM_KEY_SIZE = 8;

/** Flags of segments without and with a collating sequence. */
const KNOWN_FLAGS = 0x07ff;
const KNOWN_ACS_FLAGS = KNOWN_FLAGS | KEY_FLAG.NAMED_ACS;
/** Pages that the original compressed nobody has seen. */
const KNOWN_FILE_FLAGS = 0x1fff;

function hex(flags: number): string {
  return flags.toString(16).padStart(4, '0');
}

/** Reads the definition. Throws 2 only where pages cannot be read at all. */
export function readDefinition(
  pages: LegacyPages,
  plan: SlotPlan,
  warn: (warning: LegacyWarning) => void,
): LegacyDefinition {
  return new DefinitionReader(pages, plan, warn).read();
}

/** Collating sequences as they are come by. */
class Sequences {
  readonly list: CollatingSequence[] = [];
  readonly #pages: LegacyPages;
  readonly #byPage = new Map<number, number>();
  #only: number | undefined;

  constructor(pages: LegacyPages) {
    this.#pages = pages;
  }

  /** Index in the list of the sequence on a page. Throws if there is none. */
  onPage(page: number): number {
    const known = this.#byPage.get(page);
    if (known !== undefined) return known;
    const { path, header, bytes } = this.#pages;
    const at =
      this.#pages.read(page, LEGACY_PAGE.SEQUENCE) +
      (header.family === LEGACY_FAMILY.WIDE ? WIDE_DATA.size : NARROW_SEQUENCE.block);
    if (bytes[at] !== ACS_SIGNATURE.USER)
      throw new BtrieveError(
        Status.ACS_NOT_FOUND,
        'the collating sequence of the key is of a kind that cannot be read',
        { reason: 'collating-sequence', file: path, page, found: `${bytes[at] ?? 0}` },
      );
    const index = this.list.push(decodeCollatingSequence(bytes.slice(at, at + ACS_BLOCK_SIZE))) - 1;
    this.#byPage.set(page, index);
    return index;
  }

  /** The page of the only sequence of a file, where keys do not say which is theirs; `NONE` if not just one. */
  onlyPage(): number {
    return (this.#only ??= this.#findOnly());
  }

  #findOnly(): number {
    const { map } = this.#pages;
    let only = NONE;
    for (let page = map.first; page < map.limit; page++) {
      if (map.locate(page) === NONE || map.type !== LEGACY_PAGE.SEQUENCE) continue;
      if (only !== NONE) return NONE;
      only = page;
    }
    return only;
  }
}

/** A segment as it was read. */
interface RawSegment {
  readonly segment: KeySegment;
  readonly refusal: BtrieveError | undefined;
}

class DefinitionReader {
  readonly #pages: LegacyPages;
  readonly #header: LegacyHeader;
  readonly #plan: SlotPlan;
  readonly #warn: (warning: LegacyWarning) => void;
  readonly #sequences: Sequences;

  constructor(pages: LegacyPages, plan: SlotPlan, warn: (warning: LegacyWarning) => void) {
    this.#pages = pages;
    this.#header = pages.header;
    this.#plan = plan;
    this.#warn = warn;
    this.#sequences = new Sequences(pages);
  }

  read(): LegacyDefinition {
    const keys: LegacyKey[] = [];
    this.#readFirstSequence();
    for (const [number, at] of this.#keyPlaces()) {
      const key = this.#key(number, at);
      if (key !== undefined) keys.push(key);
    }
    const users = keys.map(({ definition }) => definition);
    const unknown = this.#header.flags & ~KNOWN_FILE_FLAGS;
    if (unknown !== 0)
      this.#warn({
        reason: 'unknown-flags',
        message: `the file has flags of unknown meaning (0x${hex(unknown)}), which no new file gets`,
      });
    if (this.#header.systemKey !== undefined && this.#plan.systemKey >= 0) {
      const { number, segmentAt } = this.#header.systemKey;
      const key = this.#systemKey(number, segmentAt);
      if (key !== undefined) keys.push(key);
    }
    return { file: this.#file(users), keys };
  }

  /** The sequence that the header names comes first, whichever keys use it. */
  #readFirstSequence(): void {
    const { sequencePage } = this.#header;
    if (sequencePage === 0 || sequencePage === NONE) return;
    try {
      this.#sequences.onPage(sequencePage);
    } catch (error) {
      this.#warnOf(
        'collating-sequence',
        'the collating sequence of the file cannot be read',
        error,
      );
    }
  }

  #warnOf(reason: string, what: string, error: unknown): void {
    if (!(error instanceof BtrieveError)) throw error;
    this.#warn({ reason, message: `${what}: ${error.message}` });
  }

  /** Number of each key, and where in the header its first segment is. */
  #keyPlaces(): [number: number, at: number][] {
    const { header } = this.#pages;
    return header.keyTable === 0 ? this.#placesInRow() : this.#placesInTable();
  }

  #placesInRow(): [number, number][] {
    const { header } = this.#pages;
    const { segment } = header.family;
    const places: [number, number][] = [];
    let at = header.segmentsAt;
    for (let number = 0; number < header.keys; number++) {
      places.push([number, at]);
      while (
        this.#hasSegment(at) &&
        (u16(header.view, at + segment.flags) & KEY_FLAG.SEGMENTED) !== 0
      )
        at += segment.size;
      at += segment.size;
    }
    return places;
  }

  #placesInTable(): [number, number][] {
    const { header } = this.#pages;
    const places: [number, number][] = [];
    for (let number = 0; number < KEY_LIMIT && places.length < header.keys; number++) {
      const at = header.keyTable + 2 * number;
      if (at + 2 > header.view.byteLength) break;
      const place = u16(header.view, at);
      if (place !== 0) places.push([number, place]);
    }
    if (places.length < header.keys) {
      const message = `the header counts ${header.keys} keys and names ${places.length}`;
      this.#warn({ reason: 'keys', message });
    }
    return places;
  }

  #hasSegment(at: number): boolean {
    const { view, family, segmentsAt } = this.#header;
    return at >= segmentsAt && at + family.segment.size <= view.byteLength;
  }

  /** A key; undefined, with a warning, if there is no sense in what is said of it. */
  #key(number: number, place: number): LegacyKey | undefined {
    const { view, family, recordLength } = this.#header;
    const raw: RawSegment[] = [];
    let isLast = false;
    for (let at = place; !isLast; at += family.segment.size) {
      if (!this.#hasSegment(at) || raw.length >= KEY_LIMIT)
        return this.#drop(number, 'its segments do not end');
      const one = this.#segment(at);
      const { segment } = one;
      if (
        segment.length === 0 ||
        segment.offset < 0 ||
        segment.offset + segment.length > recordLength
      )
        return this.#drop(
          number,
          `a segment of ${segment.length} bytes at ${segment.offset} is not in the record`,
        );
      raw.push(one);
      isLast = (segment.flags & KEY_FLAG.SEGMENTED) === 0;
    }
    const definition = { number, segments: raw.map(({ segment }) => segment) };
    const keyLength = definition.segments.reduce((sum, { length }) => sum + length, 0);
    if (keyLength !== u16(view, place + family.segment.keyLength) || keyLength > KEY_LENGTH_MAX)
      return this.#drop(number, 'its length is not that of its segments');
    this.#warnOfFlags(definition);
    const refusal = raw.find((one) => one.refusal !== undefined)?.refusal;
    const key = this.#place(definition, place, keyLength, refusal);
    if (key?.refusal !== undefined)
      this.#warn({
        reason: 'key-unusable',
        message: `key ${number} cannot be used: ${key.refusal.message}`,
      });
    return key;
  }

  /** What a flag that nobody knows means for the order of a key shows in its index only. */
  #warnOfFlags({ number, segments }: KeyDefinition): void {
    for (const [index, { flags }] of segments.entries()) {
      const unknown = flags & ~((flags & KEY_FLAG.ACS) === 0 ? KNOWN_FLAGS : KNOWN_ACS_FLAGS);
      if (unknown === 0) continue;
      const segment = segments.length === 1 ? '' : `segment ${index} of `;
      const message = `${segment}key ${number} has flags of unknown meaning (0x${hex(unknown)}), which no new file gets`;
      this.#warn({ reason: 'unknown-flags', message });
    }
  }

  #drop(number: number, why: string): LegacyKey | undefined {
    this.#warn({ reason: 'key-damaged', message: `key ${number} is damaged and left out: ${why}` });
    return undefined;
  }

  #place(
    definition: KeyDefinition,
    at: number,
    keyLength: number,
    refusal: BtrieveError | undefined,
    isSystem = false,
  ): LegacyKey | undefined {
    const { view, family } = this.#header;
    const { segment } = family;
    const { number } = definition;
    const entryLength = u16(view, at + segment.entryLength);
    const isLinked = entryLength === keyLength + ENTRY_REST_LINKED;
    if (!isLinked && entryLength !== keyLength + ENTRY_REST)
      return this.#drop(number, `its entries have ${entryLength} bytes`);
    const pointersAt = u16(view, at + segment.pointersAt);
    if (isLinked && !this.#isPointers(pointersAt))
      return this.#drop(number, `there are no duplicate pointers at ${pointersAt} of a slot`);
    return {
      definition,
      root: family.page(view, at + segment.root),
      pageType: this.#pageType(at),
      entries: w32(view, at + segment.entries),
      keyLength,
      entryLength,
      isLinked,
      pointersAt,
      isSystem,
      refusal,
    };
  }

  #isPointers(at: number): boolean {
    const { pointers, pointerCount } = this.#plan;
    const index = (at - pointers) / 8;
    return Number.isInteger(index) && index >= 0 && index < pointerCount;
  }

  #pageType(at: number): number {
    const { view, family } = this.#header;
    if (family === LEGACY_FAMILY.PLAIN) return LEGACY_PAGE.NONE;
    return family === LEGACY_FAMILY.SHADOW
      ? view.getUint8(at + NARROW_SEGMENT.pageType)
      : LEGACY_PAGE.INDEX_WIDE + u16(view, at + WIDE_SEGMENT.pageType);
  }

  #segment(at: number): RawSegment {
    const { view, family, isCompressed } = this.#header;
    const fields = family.segment;
    const flags = u16(view, at + fields.flags);
    const length = u16(view, at + fields.length);
    // Where records have use counts, offsets are those in the slot, except in compressed files.
    const recordAt = isCompressed ? 0 : Math.max(0, this.#plan.record);
    const isExtended = (flags & KEY_FLAG.EXTENDED_TYPE) !== 0;
    const isBinary = (flags & KEY_FLAG.BINARY) !== 0;
    const oldType = isBinary ? KEY_TYPE.UNSIGNED : KEY_TYPE.STRING;
    const segment: KeySegment = {
      offset: u16(view, at + fields.offset) - recordAt,
      length,
      flags,
      type: isExtended ? view.getUint8(at + fields.type) : oldType,
      nullValue: view.getUint8(at + fields.nullValue),
    };
    const refusal = this.#typeRefusal(segment);
    if (refusal !== undefined || (flags & KEY_FLAG.ACS) === 0) return { segment, refusal };
    try {
      return { segment: { ...segment, sequence: this.#sequenceOf(at) }, refusal };
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      return { segment, refusal: error };
    }
  }

  /** Why no index of such a segment can be read. */
  #typeRefusal({ type, length }: KeySegment): BtrieveError | undefined {
    const known = keyType(type);
    const isText = type === KEY_TYPE.LSTRING || type === KEY_TYPE.ZSTRING;
    if (known?.indexable === true && (isText || isLegalLength(known, length))) return undefined;
    const message = `the order of a key of type ${type} and ${length} bytes is not known`;
    return new BtrieveError(Status.KEY_TYPE_ERROR, message, {
      reason: 'key-type',
      file: this.#pages.path,
    });
  }

  /** The sequence that orders a segment, as an index among those of the file. */
  #sequenceOf(at: number): number {
    const { view, family, sequencePage } = this.#header;
    if (family === LEGACY_FAMILY.PLAIN) return this.#sequences.onPage(sequencePage);
    if (family === LEGACY_FAMILY.WIDE) return this.#sequences.onPage(this.#sequences.onlyPage());
    const own = at + NARROW_SEGMENT.sequencePage;
    const page = (view.getUint8(own) << 16) | u16(view, own + 1);
    return this.#sequences.onPage(page === 0 ? sequencePage : page);
  }

  #systemKey(number: number, at: number): LegacyKey | undefined {
    const flags = KEY_FLAG.EXTENDED_TYPE;
    const segment = {
      offset: 0,
      length: SYSTEM_KEY_SIZE,
      flags,
      type: KEY_TYPE.UNSIGNED,
      nullValue: 0,
    };
    const definition = { number, segments: [segment] };
    return this.#place(definition, at, SYSTEM_KEY_SIZE, undefined, true);
  }

  #file(keys: readonly KeyDefinition[]): FileDefinition {
    const { recordLength, pageSize, version, flags, isVariable, isCompressed, hasSystemData } =
      this.#header;
    return {
      recordLength,
      requestedPageSize: pageSize,
      pageSize,
      version: version.number >> 4,
      flags: flags | (isVariable ? FILE_FLAG.VARIABLE : 0),
      keys,
      sequences: this.#sequences.list,
      pointerCount: this.#plan.pointerCount,
      preallocatedPages: 0,
      hasSystemData,
      storesWholeRecordAsVariable: isCompressed,
      notes: [],
    };
  }
}
