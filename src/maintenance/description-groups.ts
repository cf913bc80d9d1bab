/**
 * From the elements of a description file to its file, keys and segments: which element belongs to
 * what, in which order they come, and what is missing. What the values mean together is not known here.
 *
 * Invariant: every element that was given is in a group, also one that stands in the wrong place, so
 * that one mistake is one problem.
 */
import type { TextPlace } from './description-error.js';
import {
  elementRule,
  expectedValue,
  FILE_RULES,
  NULL_KEYWORDS,
  parseValue,
  SEGMENT_RULES,
  SEQUENCE_RULES,
  type DescriptionPurpose,
  type ElementRule,
} from './description-language.js';
import { shown, type ProblemList, type ScannedElement } from './description-scanner.js';

/** An element in its group. */
export interface GivenElement extends TextPlace {
  /** Undefined if it has no number, or a wrong one. */
  readonly number: number | undefined;
  readonly text: string;
}

/** The elements of a file or of a segment. */
export class ElementGroup {
  readonly #given = new Map<string, GivenElement>();
  /** Where it begins; what is missing is missing there. */
  readonly place: TextPlace;
  /** Of the last element that was in order. */
  last: ElementRule | undefined;

  constructor(place: TextPlace) {
    this.place = { line: place.line, column: place.column };
  }

  has(keyword: string): boolean {
    return this.#given.has(keyword);
  }

  number(keyword: string): number | undefined {
    return this.#given.get(keyword)?.number;
  }

  isYes(keyword: string): boolean {
    return this.number(keyword) === 1;
  }

  /** Where an element stands, or should. */
  placeOf(keyword: string): TextPlace {
    return this.#given.get(keyword) ?? this.place;
  }

  set(keyword: string, element: GivenElement): void {
    this.#given.set(keyword, element);
  }

  /** Takes what another group says about this, if nothing is said here. */
  inherit(keywords: readonly string[], from: ElementGroup): void {
    if (keywords.some((keyword) => this.has(keyword))) return;
    for (const keyword of keywords) {
      const element = from.#given.get(keyword);
      if (element !== undefined) this.#given.set(keyword, element);
    }
  }
}

/** A collating sequence as it is named: by file, by country and code page, or by sorting rule. */
export type SequenceReference = TextPlace & {
  /** How many segments its key had when it was named. */
  readonly segments: number;
} & (
    | { readonly kind: 'name' | 'isr'; readonly name: string }
    | { readonly kind: 'locale'; readonly country: number; readonly codePage: number }
  );

export interface KeyGroup {
  readonly segments: readonly ElementGroup[];
  /** What stands behind its segments, in order. */
  readonly references: readonly SequenceReference[];
}

/** A key that is still read. */
interface GrowingKey extends KeyGroup {
  readonly segments: ElementGroup[];
  readonly references: SequenceReference[];
}

export interface DescriptionGroups {
  readonly file: ElementGroup;
  readonly keys: readonly KeyGroup[];
  /** What stands where no key is; in a file without any, that is the end of it. */
  readonly references: readonly SequenceReference[];
  /** Where the text ends, for what is missing there. */
  readonly end: TextPlace;
}

/** What later segments of a key take from its first one unless they say otherwise. */
const INHERITED: readonly (readonly string[])[] = [NULL_KEYWORDS, ['value'], ['repeatdup']];

/** Puts the elements into groups. */
export function groupElements(
  elements: readonly ScannedElement[],
  purpose: DescriptionPurpose,
  problems: ProblemList,
): DescriptionGroups {
  const grouping = new Grouping(purpose, problems);
  for (const element of elements) {
    if (problems.isFull) break;
    grouping.add(element);
  }
  return grouping.finish(elements.at(-1));
}

const START: TextPlace = { line: 1, column: 1 };

class Grouping {
  readonly #purpose: DescriptionPurpose;
  readonly #problems: ProblemList;
  readonly #file = new ElementGroup(START);
  readonly #keys: GrowingKey[] = [];
  /** Takes what stands before the first key. */
  readonly #noKey: GrowingKey = { segments: [], references: [] };
  /** Undefined before the first one, and behind a collating sequence. */
  #segment: ElementGroup | undefined;
  #country: GivenElement | undefined;

  constructor(purpose: DescriptionPurpose, problems: ProblemList) {
    this.#purpose = purpose;
    this.#problems = problems;
  }

  add(element: ScannedElement): void {
    const rule = elementRule(element.keyword);
    if (rule?.keyword !== 'codepageid') this.#dropCountry();
    if (rule === undefined) this.#reportUnknown(element);
    else if (!rule.purposes.includes(this.#purpose)) this.#reportPurpose(element, rule);
    else if (rule.level === 'sequence') this.#addSequence(rule, element);
    else if (element.value === undefined) this.#noteBroken(rule, element);
    else if (rule.level === 'file') this.#addToFile(rule, element);
    else this.#addTo(this.#segmentFor(rule, element), rule, element);
  }

  /** What is no element has been reported; that it is missing as well, or out of order, is not. */
  #noteBroken(rule: ElementRule, element: ScannedElement): void {
    const group = rule.level === 'file' ? this.#file : this.#segmentFor(rule, element);
    if (!group.has(rule.keyword)) group.set(rule.keyword, this.#valueOf(rule, element));
  }

  finish(lastElement: ScannedElement | undefined): DescriptionGroups {
    this.#dropCountry();
    const { references } = this.#noKey;
    if (this.#keys.length > 0)
      for (const { kind, ...place } of references)
        this.#problems.add(
          place,
          kind === 'locale' ? 'countryid' : kind,
          'a collating sequence stands behind a key',
          'the elements of a key before it',
        );
    const end = lastElement ?? START;
    if (this.#purpose === 'create') this.#reportMissing(this.#file, FILE_RULES, 'the file');
    for (const [index, { segments }] of this.#keys.entries()) this.#finishKey(index, segments);
    const place = { line: end.line, column: end.column };
    return { file: this.#file, keys: this.#keys, references, end: place };
  }

  #finishKey(index: number, segments: readonly ElementGroup[]): void {
    const [first] = segments;
    for (const [number, segment] of segments.entries()) {
      if (this.#problems.isFull) return;
      const what = `segment ${number + 1} of key ${index + 1}`;
      this.#reportMissing(segment, SEGMENT_RULES, what);
      if (first === undefined || number === 0) continue;
      for (const keywords of INHERITED) segment.inherit(keywords, first);
    }
    const last = segments.at(-1);
    if (last?.isYes('segment') === true)
      this.#problems.add(
        last.placeOf('segment'),
        'segment',
        'no other segment of this key follows',
        'position= of the next segment, or segment=n',
      );
  }

  #reportMissing(group: ElementGroup, rules: readonly ElementRule[], what: string): void {
    for (const rule of rules)
      if (rule.isRequired && !group.has(rule.keyword))
        this.#problems.add(
          group.place,
          rule.keyword,
          `the element is missing in ${what}`,
          `${rule.keyword}= and ${expectedValue(rule)}`,
        );
  }

  #reportUnknown({ keyword, value, ...place }: ScannedElement): void {
    // A word that is no element has been reported already.
    if (value === undefined) return;
    const rules = this.#keys.length === 0 && this.#purpose === 'create' ? FILE_RULES : [];
    const known = [...rules, ...SEGMENT_RULES, ...SEQUENCE_RULES]
      .filter(({ purposes }) => purposes.includes(this.#purpose))
      .map((rule) => rule.keyword);
    this.#problems.add(
      place,
      shown(keyword),
      'there is no such element',
      `one of ${known.join(', ')}`,
    );
  }

  #reportPurpose({ line, column }: ScannedElement, rule: ElementRule): void {
    this.#problems.add(
      { line, column },
      rule.keyword,
      `the element is not for ${this.#purpose.toUpperCase()}`,
      rule.level === 'file' ? 'elements of a key only' : `no ${rule.keyword}=`,
    );
  }

  #addToFile(rule: ElementRule, element: ScannedElement): void {
    if (this.#keys.length > 0 && !this.#file.has(rule.keyword)) {
      this.#problems.add(
        element,
        rule.keyword,
        'elements of the file come before its keys',
        `${rule.keyword}= before the first key`,
      );
      this.#file.set(rule.keyword, this.#valueOf(rule, element));
      return;
    }
    this.#addTo(this.#file, rule, element);
  }

  /** The segment that an element belongs to: the current one, unless it begins another. */
  #segmentFor({ keyword }: ElementRule, place: TextPlace): ElementGroup {
    const current = this.#segment;
    const begins =
      current === undefined ||
      (keyword === 'position' && current.has('position')) ||
      (keyword === 'keynum' && current.last !== undefined);
    if (!begins) return current;
    const segment = new ElementGroup(place);
    const key = this.#keys.at(-1);
    if (key?.segments.at(-1)?.isYes('segment') === true) key.segments.push(segment);
    else this.#keys.push({ segments: [segment], references: [] });
    this.#segment = segment;
    return segment;
  }

  #addTo(group: ElementGroup, rule: ElementRule, element: ScannedElement): void {
    const { keyword, rank } = rule;
    if (group.has(keyword)) {
      this.#problems.add(element, keyword, 'the element stands here twice', 'it once only');
      return;
    }
    if (group.last !== undefined && rank < group.last.rank)
      this.#problems.add(
        element,
        keyword,
        'the element is out of order',
        `${keyword}= before ${group.last.keyword}=`,
      );
    else group.last = rule;
    group.set(keyword, this.#valueOf(rule, element));
  }

  #valueOf(rule: ElementRule, { value, line, column }: ScannedElement): GivenElement {
    const text = value ?? '';
    const number = parseValue(rule, text);
    const isWrong = rule.value.kind === 'text' ? text === '' : number === undefined;
    // Without any value the word has been reported as a whole.
    if (isWrong && value !== undefined)
      this.#problems.add(
        { line, column },
        rule.keyword,
        text === '' ? 'the element has no value' : 'this is no value of the element',
        expectedValue(rule),
        text === '' ? {} : { found: shown(text) },
      );
    return { line, column, text, number };
  }

  #addSequence(rule: ElementRule, element: ScannedElement): void {
    const { line, column } = element;
    const given = this.#valueOf(rule, element);
    const key = this.#keys.at(-1) ?? this.#noKey;
    this.#segment = undefined;
    if (rule.keyword === 'countryid') this.#country = given;
    else if (rule.keyword === 'codepageid') this.#addLocale(key, given);
    else {
      const kind = rule.keyword === 'isr' ? 'isr' : 'name';
      const segments = key.segments.length;
      key.references.push({ kind, name: given.text, segments, line, column });
    }
  }

  /** A wrong one is in the list, too: then no key is said to have none. */
  #addLocale({ references, segments }: GrowingKey, codePage: GivenElement): void {
    const country = this.#country;
    this.#country = undefined;
    if (country === undefined)
      this.#problems.add(
        codePage,
        'codepageid',
        'a code page without a country',
        'countryid= directly before it',
      );
    const { line, column } = country ?? codePage;
    references.push({
      kind: 'locale',
      country: country?.number ?? 0,
      codePage: codePage.number ?? 0,
      segments: segments.length,
      line,
      column,
    });
  }

  #dropCountry(): void {
    const country = this.#country;
    if (country === undefined) return;
    this.#problems.add(
      country,
      'countryid',
      'a country without a code page',
      'codepageid= directly behind it',
    );
    this.#addLocale(this.#keys.at(-1) ?? this.#noKey, country);
  }
}
