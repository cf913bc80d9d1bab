/**
 * The formats of original files: their version words, and how sure the reader is of each.
 *
 * - `verified`: real files of it were read, every record and every index.
 * - `claimed`: layout and differences are only known from what others say; such a file is read by the
 *   rules of its neighbour, and refused unless it proves them (`legacy-file.ts`).
 */

export interface LegacyVersion {
  /** The version word, without sign. */
  readonly number: number;
  /** As people call it. */
  readonly name: string;
  readonly family: 'plain' | 'shadow' | 'wide';
  readonly trust: 'verified' | 'claimed';
}

function row(
  number: number,
  name: string,
  family: LegacyVersion['family'],
  trust: LegacyVersion['trust'],
): LegacyVersion {
  return Object.freeze({ number, name, family, trust });
}

const VERSIONS: readonly LegacyVersion[] = [
  row(0x0300, '3', 'plain', 'verified'),
  row(0x0400, '4', 'plain', 'verified'),
  row(0x0500, '5', 'plain', 'verified'),
  row(0x0600, '6.0', 'shadow', 'verified'),
  row(0x0610, '6.1', 'shadow', 'verified'),
  row(0x0700, '7.0', 'shadow', 'claimed'),
  row(0x0800, '8.0', 'wide', 'claimed'),
  row(0x0900, '9.0', 'wide', 'claimed'),
  row(0x0950, '9.5', 'wide', 'verified'),
];

const BY_NUMBER: ReadonlyMap<number, LegacyVersion> = new Map(
  VERSIONS.map((version) => [version.number, version]),
);

/** All formats that are known by name. */
export function legacyVersions(): readonly LegacyVersion[] {
  return VERSIONS;
}

/** The format of a version word, which is negative in a file with an owner name. */
export function legacyVersion(word: number): LegacyVersion | undefined {
  return BY_NUMBER.get(Math.abs(word));
}
