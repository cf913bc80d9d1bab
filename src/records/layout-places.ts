/**
 * Where the fields of a declaration are in a record.
 *
 * Invariants:
 * - Places are in the order of declaration, which is the order in which they are written.
 * - No two places overlap unless one of them is of raw bytes. The tail, if any, is the last field.
 */
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  checkName,
  declarationError,
  shown,
  type Codec,
  type Expectation,
  type TailCodec,
} from './field-codec.js';
import type { Fields } from './layout-types.js';
import type { Field, FieldDefaults, FieldRole } from './record-fields.js';

/** A field of the fixed part. */
export interface FixedPlace {
  readonly name: string;
  readonly kind: string;
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  readonly isAssigned: boolean;
  readonly isNullable: boolean;
  readonly codec: Codec<unknown>;
}

/** The field after the fixed part. */
export interface TailPlace {
  readonly name: string;
  readonly kind: string;
  readonly codec: TailCodec<unknown>;
}

interface Places {
  readonly places: readonly FixedPlace[];
  readonly tail: TailPlace | undefined;
  /** Where the last field of the fixed part ends. */
  readonly end: number;
}

const RECORD_LENGTH_MAX = 0xffff;

export function compileFields(declared: Fields, defaults: FieldDefaults): Places {
  const places: FixedPlace[] = [];
  const roles: FieldRole[] = [];
  let tail: TailPlace | undefined;
  let next = 0;
  let end = 0;
  for (const [name, field] of Object.entries(declared)) {
    checkName(name);
    if (tail !== undefined)
      throw declarationError('nothing comes after the variable tail', tail.name, name);
    if (field.role === 'tail') {
      tail = { name, kind: field.kind, codec: field.compile(defaults) };
      continue;
    }
    const place = placeOf(name, field, next, defaults);
    const { offset, length } = place;
    next = offset + length;
    if (next > RECORD_LENGTH_MAX)
      throw declarationError(`field ${name} ends too far behind`, RECORD_LENGTH_MAX, next);
    end = Math.max(end, next);
    if (field.role !== 'bytes') checkOverlap(place, places, roles);
    places.push(place);
    roles.push(field.role);
  }
  return { places, tail, end };
}

function placeOf(
  name: string,
  field: Field<unknown, FieldRole>,
  next: number,
  defaults: FieldDefaults,
): FixedPlace {
  return {
    name,
    kind: field.kind,
    type: field.type,
    offset: field.at ?? next,
    length: field.length,
    isAssigned: field.role === 'assigned',
    isNullable: field.role === 'nullable',
    codec: field.compile(defaults),
  };
}

function checkOverlap(
  { name, offset, length }: FixedPlace,
  places: readonly FixedPlace[],
  roles: readonly FieldRole[],
): void {
  const other = places.find(
    (place, index) =>
      roles[index] !== 'bytes' &&
      place.offset < offset + length &&
      offset < place.offset + place.length,
  );
  if (other === undefined) return;
  throw declarationError(
    `field ${name} overlaps field ${other.name}; only bytes may`,
    `bytes outside of ${other.offset} to ${other.offset + other.length - 1}`,
    `${offset} to ${offset + length - 1}`,
  );
}

/** A field, in messages. */
export function nameOf({ name, kind, offset, length }: FixedPlace): string {
  return `${name} (${kind}, bytes ${offset} to ${offset + length - 1})`;
}

/** A value that a field cannot have. */
export function refused(place: FixedPlace, expected: Expectation, value: unknown): BtrieveError {
  return new BtrieveError(
    Status.INVALID_PARAMETER_TO_MKDE,
    `field ${nameOf(place)} cannot have this value`,
    { reason: 'field-value', expected, found: shown(value) },
  );
}
