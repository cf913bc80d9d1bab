/** The records of `isolation-life.ts` as the typed API has them, with those of its keys that a file has. */
import { bytes, defineRecord, integer, key, unsigned, type FileOf } from '../../src/index.js';
import type { KeyShape } from './call-model.js';

const FIELDS = {
  ...{ number: integer(4), name: bytes(4), amount: integer(2), filler: bytes(2), halves: bytes(4) },
  ...{ counter: integer(2), pad: bytes(4), code: unsigned(2), all: unsigned(2), noise: bytes(8) },
};

const OPTIONS = {
  number: (number: number) => key('number', { number }),
  repeating: (number: number) =>
    key('amount', { number, duplicates: 'repeating', modifiable: true }),
  code: (number: number) => key('code', { number, modifiable: true }),
};

type Options = { readonly [Name in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[Name]> };

export type TypedLayout = ReturnType<typeof defineRecord<typeof FIELDS, Options>>;
export type TypedRecords = FileOf<TypedLayout>;
export type TypedKey = 'number' | 'repeating' | 'code';
export const TYPED_KEYS: readonly TypedKey[] = ['number', 'repeating', 'code'];

/** The layout for a file with these keys: only those that it has may be named. */
export function typedLayout(shapes: readonly KeyShape[]): TypedLayout {
  const numberOf = (wanted: string): number => shapes.findIndex(({ name }) => name === wanted);
  const known = TYPED_KEYS.filter((name) => numberOf(name) >= 0);
  const keys = Object.fromEntries(known.map((name) => [name, OPTIONS[name](numberOf(name))]));
  // With fewer keys, for callers that name no others.
  return defineRecord(FIELDS, { keys });
}
