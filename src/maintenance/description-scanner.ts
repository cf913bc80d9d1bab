/**
 * From the text of a description file to its elements: separators, the comment block, places.
 *
 * Invariant: takes time and memory in proportion to the text, whatever is in it.
 */
import { PROBLEM_LIMIT, type DescriptionProblem, type TextPlace } from './description-error.js';
import type { BtrieveError } from '../microkernel/status.js';

/** A `keyword=value` as it stands there. */
export interface ScannedElement extends TextPlace {
  /** In lower case. */
  readonly keyword: string;
  /** Empty if there is none; undefined if the word is no element at all. */
  readonly value: string | undefined;
}

/** Longest description file, in characters: far more than 119 segments need. */
const TEXT_LIMIT = 1 << 20;
/** Longest comment block, in bytes, its marks included. */
const COMMENT_LIMIT = 5120;
const SHOWN_LENGTH = 40;
/** Old editors end a text with it. */
const END_OF_TEXT = '\x1a';
const BYTE_ORDER_MARK = '\ufeff';

/** Collects problems; those beyond the limit are counted only. */
export class ProblemList {
  readonly #problems: DescriptionProblem[] = [];
  /** The first error of others that is behind a problem. */
  cause: unknown;

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }

  get isFull(): boolean {
    return this.#problems.length >= PROBLEM_LIMIT;
  }

  add(
    { line, column }: TextPlace,
    element: string,
    message: string,
    expected: string,
    more: Pick<DescriptionProblem, 'found' | 'status'> = {},
  ): void {
    if (!this.isFull) this.#problems.push({ line, column, element, message, expected, ...more });
  }

  /** Adds what the engine refuses. */
  addError(place: TextPlace, element: string, error: BtrieveError, expected: string): void {
    const { status, found } = error;
    // What follows repeats the status and what was expected.
    const message = error.message.replace(/ \(status \d+[^]*$/, '');
    this.add(place, element, message, error.expected ?? expected, {
      status,
      ...(found === undefined ? {} : { found }),
    });
    this.cause ??= error;
  }

  /** By place; where two have one place, in the order they were found. */
  sorted(): readonly DescriptionProblem[] {
    return [...this.#problems].sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** A piece of text fit for a message: short, and without control characters. */
export function shown(text: string): string {
  const short = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  return /^[\x21-\x7e…]+$/.test(short) ? short : JSON.stringify(short);
}

/** Where things are in a text that is walked through from its beginning. */
class PlaceFinder {
  readonly #breaks: RegExp = /\r\n|\r|\n/g;
  readonly #text: string;
  #line = 1;
  #lineStart = 0;
  #nextStart: number;

  constructor(text: string) {
    this.#text = text;
    this.#nextStart = this.#findNext();
  }

  /** `at` never goes back. */
  placeOf(at: number): TextPlace {
    while (at >= this.#nextStart) {
      this.#line++;
      this.#lineStart = this.#nextStart;
      this.#nextStart = this.#findNext();
    }
    return { line: this.#line, column: at - this.#lineStart + 1 };
  }

  #findNext(): number {
    return this.#breaks.exec(this.#text) === null ? Infinity : this.#breaks.lastIndex;
  }
}

/** The elements of a description file; undefined if the text is beyond reading. */
export function scanDescription(
  wholeText: string,
  problems: ProblemList,
): ScannedElement[] | undefined {
  if (wholeText.length > TEXT_LIMIT) {
    const expected = `at most ${TEXT_LIMIT} characters`;
    const found = `${wholeText.length}`;
    problems.add({ line: 1, column: 1 }, 'text', 'this is no description file', expected, {
      found,
    });
    return undefined;
  }
  const [beforeEnd = ''] = wholeText.split(END_OF_TEXT, 1);
  const text = beforeEnd.startsWith(BYTE_ORDER_MARK) ? beforeEnd.slice(1) : beforeEnd;
  const places = new PlaceFinder(text);
  const words = /[^ \t\r\n\f\v]+/g;
  const start = skipComment(text, problems);
  if (start === undefined) return undefined;
  words.lastIndex = start;
  return scanWords(text, words, places, problems);
}

/** Where the elements begin; undefined if the comment has no end. */
function skipComment(text: string, problems: ProblemList): number | undefined {
  const start = text.search(/[^ \t\r\n\f\v]/);
  if (start < 0 || !text.startsWith('/*', start)) return 0;
  const place = new PlaceFinder(text).placeOf(start);
  const close = text.indexOf('*/', start + 2);
  if (close < 0) {
    problems.add(place, '/*', 'the comment block has no end', '*/');
    return undefined;
  }
  const size = Buffer.byteLength(text.slice(start, close + 2));
  if (size > COMMENT_LIMIT)
    problems.add(
      place,
      '/*',
      'the comment block is too long',
      `at most ${COMMENT_LIMIT} bytes, its marks included`,
      { found: `${size}` },
    );
  return close + 2;
}

function scanWords(
  text: string,
  words: RegExp,
  places: PlaceFinder,
  problems: ProblemList,
): ScannedElement[] {
  const elements: ScannedElement[] = [];
  let wasElement = true;
  for (let word = words.exec(text); word !== null; word = words.exec(text)) {
    const place = places.placeOf(word.index);
    const parts = /^([a-z][a-z0-9]*)=([^]*)$/i.exec(word[0]);
    if (parts !== null) {
      const [, keyword = '', value] = parts;
      elements.push({ ...place, keyword: keyword.toLowerCase(), value });
      wasElement = true;
      continue;
    }
    if (word[0].startsWith('/*')) {
      words.lastIndex = afterLateComment(text, word.index);
      problems.add(
        place,
        '/*',
        'a comment block stands at the top of the file only',
        'an element, keyword=value',
      );
      continue;
    }
    // One problem for a run of words: "record = 100" is one mistake.
    if (wasElement)
      problems.add(
        place,
        shown(word[0]),
        'this is no element',
        'keyword=value, with no blank inside',
      );
    wasElement = false;
    // So that what was meant is not reported as missing as well.
    elements.push({ ...place, keyword: word[0].toLowerCase(), value: undefined });
  }
  return elements;
}

function afterLateComment(text: string, at: number): number {
  const close = text.indexOf('*/', at + 2);
  return close < 0 ? text.length : close + 2;
}
