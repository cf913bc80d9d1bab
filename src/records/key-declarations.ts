/**
 * The keys of a record layout as they are declared, by the names of fields.
 *
 * Invariant: the names are part of the type of a key, so that a layout accepts keys of its own fields
 * only, and of those that can be indexed.
 */
import type { CollatingSequence } from '../microkernel/keys/collation.js';

/** How a segment of a key is ordered. */
export interface SegmentOptions {
  /** Whether the letters a to z are the same as A to Z. Default: that of the key. */
  readonly ignoreCase?: boolean;
  /** Orders strings by weights for their bytes. Default: that of the key. */
  readonly collation?: CollatingSequence;
}

/** A field in a key, with its direction. See {@link asc} and {@link desc}. */
export interface Segment<Name extends string> extends SegmentOptions {
  readonly field: Name;
  readonly isDescending: boolean;
}

/** Whether several records may have the same value of a key. */
export type UniqueOptions =
  | {
      /** No two records have the same value; this is what a key is without any option. */
      readonly unique?: true;
      readonly duplicates?: false;
    }
  | {
      readonly unique?: false;
      /**
       * `true` or `'linked'`: the value is stored once and the records are linked, 8 bytes in each;
       * they are read in the order they came. `'repeating'`: an entry for each record.
       */
      readonly duplicates: true | 'linked' | 'repeating';
    };

/** Options of a key. */
export type KeyOptions = UniqueOptions &
  SegmentOptions & {
    /** Whether an update may change the value. Default: false. */
    readonly modifiable?: boolean;
    /** Leaves records out of the index of which `all` segments, or `any`, are null. */
    readonly omitNulls?: 'all' | 'any';
    /**
     * A segment is null if each of its bytes is this. Default: a blank for text of fixed length, 0 for
     * all else. A nullable field is null by its indicator.
     */
    readonly nullValue?: number;
    /** The key number, 0 to 118. Default: the place of the key in the declaration, from 0. */
    readonly number?: number;
  };

/** A key of fields with these names. See {@link key}. */
export interface Key<Names extends readonly string[]> {
  readonly segments: { readonly [Index in keyof Names]: Segment<Names[Index]> };
  readonly options: KeyOptions;
}

/** What names a field in a key. */
type FieldReference<Name extends string> = Name | Segment<Name>;

type NameOf<Reference> =
  Reference extends Segment<infer Name> ? Name : Reference extends string ? Reference : never;

/** A segment from small values to large ones, as a name alone is. */
export function asc<const Name extends string>(
  field: Name,
  options: SegmentOptions = {},
): Segment<Name> {
  return { ...options, field, isDescending: false };
}

/** A segment from large values to small ones. */
export function desc<const Name extends string>(
  field: Name,
  options: SegmentOptions = {},
): Segment<Name> {
  return { ...options, field, isDescending: true };
}

/**
 * A key of one field, or of several in the order given: `key('id')`, `key(desc('born'))`,
 * `key(['city', desc('balance')], { duplicates: true })`. Unique if nothing else is said.
 */
export function key<const Name extends string>(
  field: FieldReference<Name>,
  options?: KeyOptions,
): Key<readonly [Name]>;
export function key<
  const References extends readonly [FieldReference<string>, ...FieldReference<string>[]],
>(
  fields: References,
  options?: KeyOptions,
): Key<{ readonly [Index in keyof References]: NameOf<References[Index]> }>;
export function key(
  fields: FieldReference<string> | readonly FieldReference<string>[],
  options: KeyOptions = {},
): Key<readonly string[]> {
  const references = Array.isArray(fields)
    ? (fields as readonly FieldReference<string>[])
    : [fields as FieldReference<string>];
  const segments = references.map((reference) =>
    typeof reference === 'string' ? asc(reference) : reference,
  );
  return { segments, options };
}
