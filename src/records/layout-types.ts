/**
 * The types that follow from a declaration of fields and keys. No code.
 */
import type { Key } from './key-declarations.js';
import type { Field, FieldRole, TailField } from './record-fields.js';

/** What a layout is declared from: fields by name, in the order of their bytes. */
export type Fields = Readonly<Record<string, Field<unknown, FieldRole> | TailField<unknown>>>;

/** Shows a type as one object instead of what it was put together from. */
type Plain<Type> = { [Name in keyof Type]: Type[Name] } & {};

/** The value of a field. */
export type ValueOf<Declared> =
  Declared extends Field<infer Value, FieldRole>
    ? Value
    : Declared extends TailField<infer Value>
      ? Value
      : never;

/** Names of the fields that may be left out of a new record. */
type AssignedName<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<unknown, 'assigned'> ? Name : never;
}[keyof F];

/**
 * The fields a key can be made of, each by its own name; the names are `IndexableNames<F>[keyof F]`.
 * Written out like this where they are needed, a wrong name is told what the right ones are.
 */
export type IndexableNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<unknown, FieldRole> ? Name : never;
};

/** A record as it is read. */
export type RecordOfFields<F extends Fields> = Plain<{
  -readonly [Name in keyof F]: ValueOf<F[Name]>;
}>;

/** A record as it is written. */
export type NewRecordOfFields<F extends Fields> = Plain<
  { -readonly [Name in Exclude<keyof F, AssignedName<F>>]: ValueOf<F[Name]> } & {
    -readonly [Name in AssignedName<F>]?: ValueOf<F[Name]> | undefined;
  }
>;

/** Declarations of keys by name. */
export type Keys<Name extends string> = Readonly<Record<string, Key<readonly Name[]>>>;

/** What a key gives and takes. */
export interface KeyShape {
  /** The fields of the key. */
  readonly value: object;
  /** What a look-up gives. */
  readonly lookup: unknown;
}

type FirstOf<Names extends readonly string[]> = Names[0] & string;

/** The fields of a key as they are read. */
type KeyValue<F extends Fields, Names extends readonly string[]> = Plain<{
  -readonly [Name in Names[number] & keyof F]: ValueOf<F[Name]>;
}>;

/** A single field as such or by name; of several at least the first. */
type KeyLookup<F extends Fields, Names extends readonly string[]> = Names extends readonly [string]
  ? ValueOf<F[Names[0]]> | Readonly<KeyValue<F, Names>>
  : Readonly<
      Plain<
        { [Name in FirstOf<Names> & keyof F]: ValueOf<F[Name]> } & {
          [Name in Exclude<Names[number], FirstOf<Names>> & keyof F]?: ValueOf<F[Name]> | undefined;
        }
      >
    >;

/** What the keys of a declaration give and take, by name. */
export type KeyShapes<F extends Fields, K extends Keys<string>> = Plain<{
  readonly [Name in keyof K]: K[Name] extends Key<infer Names>
    ? { readonly value: KeyValue<F, Names>; readonly lookup: KeyLookup<F, Names> }
    : never;
}>;
