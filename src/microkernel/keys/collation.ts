/**
 * Collating sequences: the order in which string keys sort if it is not that of their bytes.
 *
 * A sequence is a weight for each of the 256 bytes; bytes of equal weight are equal. It comes as a
 * block of 265 bytes, as the Btrieve API Guide describes it:
 *
 *     0xAC  8-byte name  256 weights                 the program's own
 *     0xAD  u16 country  u16 code page  filler       the order of a country
 *     0xAE  16-byte name                filler       an international sorting rule
 *
 * Invariant: the weights of a locale are computed once, when the file is made, and stored with it.
 * Another release of the host's collation data must not put an index out of order.
 *
 * International sorting rules come as tables of the original that we do not have, so any of them
 * is "not found" (134).
 */
import { setU16, u16 } from '../bytes.js';
import { BtrieveError, Status } from '../status.js';
import { upperHalf } from './code-pages.js';

/** Bytes of a block that defines a sequence. */
export const ACS_BLOCK_SIZE = 265;
export const ACS_NAME_SIZE = 8;
export const ISR_NAME_SIZE = 16;
export const WEIGHT_COUNT = 256;

/** The first byte of a block, and of a reference to a sequence by name. */
export const ACS_SIGNATURE = Object.freeze({ USER: 0xac, LOCALE: 0xad, ISR: 0xae });

/** Country or code page "of this system". */
const OF_THE_SYSTEM = 0xffff;

const NAME_AT = 1;
const WEIGHTS_AT = NAME_AT + ACS_NAME_SIZE;
const COUNTRY_AT = 1;
const CODE_PAGE_AT = 3;

/** A sequence of the program's own. */
export interface UserSequence {
  readonly kind: 'user';
  /** At most 8 characters, one for each byte, without the padding. */
  readonly name: string;
  readonly weights: Uint8Array;
}

/** The order of a country's language. */
export interface LocaleSequence {
  readonly kind: 'locale';
  readonly country: number;
  readonly codePage: number;
  readonly weights: Uint8Array;
}

/** How characters of a key compare. */
export type CollatingSequence = UserSequence | LocaleSequence;

/** A byte for each character, and back; names are not text in any particular code. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function trimmedName(bytes: Uint8Array): string {
  return latin1(bytes).replace(/[\0 ]+$/, '');
}

/** Reads a block, and computes the weights of a locale. */
export function decodeCollatingSequence(block: Uint8Array): CollatingSequence {
  if (block.length !== ACS_BLOCK_SIZE)
    throw sequenceError('a collating sequence has the wrong length', ACS_BLOCK_SIZE, block.length);
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const signature = view.getUint8(0);
  switch (signature) {
    case ACS_SIGNATURE.USER: {
      const name = trimmedName(block.subarray(NAME_AT, WEIGHTS_AT));
      // A copy in any case: `slice` of a Buffer is none.
      return { kind: 'user', name, weights: Uint8Array.from(block.subarray(WEIGHTS_AT)) };
    }
    case ACS_SIGNATURE.LOCALE:
      return localeSequence(u16(view, COUNTRY_AT), u16(view, CODE_PAGE_AT));
    case ACS_SIGNATURE.ISR:
      throw isrNotFound(block.subarray(NAME_AT, NAME_AT + ISR_NAME_SIZE));
    default:
      throw sequenceError(
        'a collating sequence begins with the wrong byte',
        '172 to 174',
        signature,
      );
  }
}

function sequenceError(
  message: string,
  expected: string | number,
  found: string | number,
): BtrieveError {
  return new BtrieveError(Status.INVALID_ALT_SEQUENCE_DEF, message, {
    reason: 'collating-sequence',
    expected: `${expected}`,
    found: `${found}`,
  });
}

/** For a rule named in a block or elsewhere. */
export function isrNotFound(name: Uint8Array): BtrieveError {
  return new BtrieveError(
    Status.ISR_NOT_FOUND,
    'international sorting rules are not available in this engine',
    { reason: 'isr', found: JSON.stringify(trimmedName(name)) },
  );
}

/** The block from which the sequence was made; the filler is zero. */
export function encodeCollatingSequence(sequence: CollatingSequence): Uint8Array {
  const block = new Uint8Array(ACS_BLOCK_SIZE);
  if (sequence.kind === 'user') {
    block[0] = ACS_SIGNATURE.USER;
    block.fill(0x20, NAME_AT, WEIGHTS_AT);
    for (let i = 0; i < sequence.name.length && i < ACS_NAME_SIZE; i++)
      block[NAME_AT + i] = sequence.name.charCodeAt(i);
    block.set(sequence.weights, WEIGHTS_AT);
  } else {
    const view = new DataView(block.buffer);
    block[0] = ACS_SIGNATURE.LOCALE;
    setU16(view, COUNTRY_AT, sequence.country);
    setU16(view, CODE_PAGE_AT, sequence.codePage);
  }
  return block;
}

/** Which of the sequences has this name (8 bytes, padded); -1 if none. */
export function findSequence(sequences: readonly CollatingSequence[], name: Uint8Array): number {
  const wanted = trimmedName(name);
  return sequences.findIndex((sequence) => sequence.kind === 'user' && sequence.name === wanted);
}

/** Languages and usual code pages of countries, by the country codes of DOS and Windows. */
const COUNTRIES: ReadonlyMap<number, readonly [locale: string, codePage: number]> = new Map([
  [1, ['en-US', 1252]],
  [2, ['fr-CA', 1252]],
  [3, ['es-MX', 1252]],
  [7, ['ru', 1251]],
  [27, ['en-ZA', 1252]],
  [30, ['el', 1253]],
  [31, ['nl', 1252]],
  [32, ['nl-BE', 1252]],
  [33, ['fr', 1252]],
  [34, ['es', 1252]],
  [36, ['hu', 1250]],
  [39, ['it', 1252]],
  [40, ['ro', 1250]],
  [41, ['de-CH', 1252]],
  [42, ['cs', 1250]],
  [43, ['de-AT', 1252]],
  [44, ['en-GB', 1252]],
  [45, ['da', 1252]],
  [46, ['sv', 1252]],
  [47, ['nb', 1252]],
  [48, ['pl', 1250]],
  [49, ['de', 1252]],
  [52, ['es-MX', 1252]],
  [54, ['es-AR', 1252]],
  [55, ['pt-BR', 1252]],
  [56, ['es-CL', 1252]],
  [61, ['en-AU', 1252]],
  [64, ['en-NZ', 1252]],
  [66, ['th', 874]],
  [84, ['vi', 1258]],
  [90, ['tr', 1254]],
  [351, ['pt', 1252]],
  [353, ['en-IE', 1252]],
  [354, ['is', 1252]],
  [355, ['sq', 1250]],
  [358, ['fi', 1252]],
  [359, ['bg', 1251]],
  [370, ['lt', 1257]],
  [371, ['lv', 1257]],
  [372, ['et', 1257]],
  [375, ['be', 1251]],
  [380, ['uk', 1251]],
  [381, ['sr', 1251]],
  [385, ['hr', 1250]],
  [386, ['sl', 1250]],
  [389, ['mk', 1251]],
  [420, ['cs', 1250]],
  [421, ['sk', 1250]],
  [785, ['ar', 1256]],
  [972, ['he', 1255]],
]);

/** Code pages that the platform's decoder knows by another name than `windows-<number>`. */
const DECODER_NAMES: ReadonlyMap<number, string> = new Map([
  [866, 'ibm866'],
  [10000, 'macintosh'],
  [20866, 'koi8-r'],
  [21866, 'koi8-u'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15].map((part) => [28590 + part, `iso-8859-${part}`] as const),
]);
const DECODERS_OF_WINDOWS: ReadonlySet<number> = new Set([
  874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258,
]);

/** The character of each byte; none if the code page is unknown or not one byte a character. */
function charactersOf(codePage: number): readonly string[] | undefined {
  const bytes = Uint8Array.from({ length: WEIGHT_COUNT }, (_, byte) => byte);
  const upper = upperHalf(codePage);
  if (upper !== undefined) return Array.from(latin1(bytes.subarray(0, 128)) + upper);
  const windows = DECODERS_OF_WINDOWS.has(codePage) ? `windows-${codePage}` : undefined;
  const name = DECODER_NAMES.get(codePage) ?? windows;
  if (name === undefined) return undefined;
  return Array.from(new TextDecoder(name, { ignoreBOM: true }).decode(bytes));
}

/** The order of the country with this code, of the characters of this code page. */
export function localeSequence(country: number, codePage: number): LocaleSequence {
  const fail = (what: string, found: number): BtrieveError =>
    new BtrieveError(Status.LOCALE_ERROR, `no collating order is known for this ${what}`, {
      reason: 'locale',
      found: `${found}`,
    });
  const [locale, usualPage] =
    country === OF_THE_SYSTEM ? systemLocale() : (COUNTRIES.get(country) ?? []);
  // A host may have been built with data for English only.
  if (locale === undefined || Intl.Collator.supportedLocalesOf(locale).length === 0)
    throw fail('country', country);
  const characters = charactersOf(codePage === OF_THE_SYSTEM ? (usualPage ?? 1252) : codePage);
  if (characters === undefined) throw fail('code page', codePage);
  return { kind: 'locale', country, codePage, weights: weightsOf(characters, locale) };
}

function systemLocale(): readonly [locale: string, codePage: number] {
  const locale = new Intl.Collator().resolvedOptions().locale;
  const language = locale.replace(/-.*/, '');
  for (const [known, codePage] of COUNTRIES.values())
    if (known.replace(/-.*/, '') === language) return [locale, codePage];
  return [locale, 1252];
}

/** Characters that the language holds for equal get one weight. */
function weightsOf(characters: readonly string[], locale: string): Uint8Array {
  // `ignorePunctuation` is on by default in one language, and would make much equal.
  const { compare } = new Intl.Collator(locale, {
    sensitivity: 'variant',
    ignorePunctuation: false,
  });
  const order = [...characters.entries()].sort(([, a], [, b]) => compare(a, b));
  const weights = new Uint8Array(WEIGHT_COUNT);
  let weight = 0;
  let last = order[0]?.[1] ?? '';
  for (const [byte, character] of order) {
    if (compare(last, character) !== 0) weight++;
    last = character;
    weights[byte] = weight;
  }
  return weights;
}
