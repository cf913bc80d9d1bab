/**
 * The bytes of a value of a key, for look-ups: of all of its fields, or of the first ones and of what comes before or after
 * all values in the others.
 */
import { assert } from '../microkernel/assert.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { shown } from './field-codec.js';
import { fillExtreme } from './key-extremes.js';
import type { CompiledKey, KeyPart } from './layout-keys.js';
import { refused } from './layout-places.js';

/** What the segments are that a look-up does not give: those that come first in the index, or last. */
export type MissingSegments = 'first' | 'last';

/** The bytes of a value of a key, as `encodeKey` writes them. They are good until the next value of the key. */
export function lookupBytes(
  key: CompiledKey,
  lookup: unknown,
  missing: MissingSegments,
): Uint8Array {
  if (isNamed(lookup)) writeNamed(key, lookup, missing);
  else writeOnly(key, lookup);
  return key.draft;
}

/** Whether a look-up has values by name. */
function isNamed(lookup: unknown): lookup is Readonly<Record<string, unknown>> {
  return (
    typeof lookup === 'object' &&
    lookup !== null &&
    !(lookup instanceof Uint8Array) &&
    !(lookup instanceof Date)
  );
}

function writeNamed(
  { parts, draft }: CompiledKey,
  values: Readonly<Record<string, unknown>>,
  missing: MissingSegments,
): void {
  let isMissing = false;
  for (const part of parts) {
    const value = values[part.place.name];
    if (value !== undefined || part === parts[0]) {
      if (isMissing) throw refused(part.place, 'the fields of the key before it', value);
      writePart(part, draft, value);
    } else {
      isMissing = true;
      fillPart(part, draft, missing);
    }
  }
}

/** The value of a key of one field. */
function writeOnly({ name, parts, draft }: CompiledKey, value: unknown): void {
  const [only] = parts;
  assert(only !== undefined, 'a key has a segment');
  if (parts.length === 1) {
    writePart(only, draft, value);
    return;
  }
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, `key ${name} is of several fields`, {
    reason: 'field-value',
    expected: `an object with ${parts.map(({ place }) => place.name).join(', ')}`,
    found: shown(value),
  });
}

function writePart({ place, inKey }: KeyPart, draft: Uint8Array, value: unknown): void {
  const expected = place.codec.write(value, draft, inKey);
  if (expected !== undefined) throw refused(place, expected, value);
}

/** The value that comes before or after all others in the index. */
function fillPart(part: KeyPart, draft: Uint8Array, missing: MissingSegments): void {
  const { place, inKey, isDescending, weights } = part;
  const isHighest = (missing === 'last') !== isDescending;
  const { length } = place;
  if (!place.isNullable) {
    fillExtreme(place.type, weights, draft, inKey, length, isHighest);
    return;
  }
  // Null comes after all values.
  draft[inKey] = isHighest ? 1 : 0;
  if (isHighest) draft.fill(0, inKey + 1, inKey + length);
  else fillExtreme(place.type, weights, draft, inKey + 1, length - 1, false);
}
