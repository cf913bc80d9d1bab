/**
 * The specifications that Create, Create Index and Stat pass through the data buffer: their fields
 * and where they are. Everything is little-endian. The layout is that of the Btrieve API Guide
 * (Actian Zen).
 *
 *     file specification │ a key specification for each segment │ blocks of collating sequences
 */
import { layout } from '../layout-table.js';

/** Of a file: in front of the others, and the whole answer of Stat about a file without keys. */
export const FILE_SPEC = layout(16, {
  recordLength: [2, 'length of the fixed part'],
  pageSize: [2, 'bytes in a page'],
  keys: [1, 'number of keys'],
  version: [1, 'file version; 0: the engine’s default. Once the upper half of the number of keys'],
  records: [4, 'Stat: number of records; else reserved'],
  flags: [2, 'file flags'],
  pointers: [1, 'duplicate pointers: to be reserved; Stat: not yet used'],
  reserved: [1, 'not used'],
  pages: [2, 'pages to be preallocated; Stat: preallocated and not yet used'],
});

/** Of a segment. */
export const KEY_SPEC = layout(16, {
  position: [2, 'in the record, from 1'],
  length: [2, 'in bytes'],
  flags: [2, 'key flags'],
  distinct: [4, 'Stat: number of distinct values; else reserved'],
  type: [1, 'extended type'],
  nullValue: [1, 'null value'],
  reserved: [2, 'not used'],
  number: [1, 'key number'],
  sequence: [1, 'number of the collating sequence'],
});

export type FileField = Exclude<keyof typeof FILE_SPEC, 'size'>;
export type SegmentField = Exclude<keyof typeof KEY_SPEC, 'size'>;

/** Where in the buffer a field of the file specification is. */
export function fileSpecAt(field: FileField): number {
  return FILE_SPEC[field];
}

/** Where in the buffer a field of the `ordinal`th key specification is. */
export function keySpecAt(specsAt: number, ordinal: number, field: SegmentField): number {
  return specsAt + ordinal * KEY_SPEC.size + KEY_SPEC[field];
}
