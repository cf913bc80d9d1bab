/**
 * Dictionaries as documents describe them, for tests: a table of orders, and what the dictionary says of its own
 * files. That with short names is as real ones are; no real one with long names was ever seen.
 */

export interface MadeDictionary {
  readonly files: Uint8Array[];
  readonly fields: Uint8Array[];
  readonly indexes: Uint8Array[];
}

/** Flags of a segment of a key. */
const [DUPLICATES, MORE, CASELESS, EXTENDED] = [1, 16, 32, 256];

/** A dictionary of one of the two layouts; `shift` puts the fields of X$Field elsewhere. */
export function dictionary(isLong: boolean, shift = 0): MadeDictionary {
  const [size, name] = isLong ? [4, 128] : [2, 20];
  const place = isLong ? 250 : 64;
  const file = (id: number, title: string, location: string): Uint8Array => {
    const record = Buffer.alloc(size + name + place + 11, 0x20);
    record.writeUIntLE(id, 0, size);
    record.write(title, size);
    record.write(location, size + name);
    return record;
  };
  let fieldId = 0;
  const field = (table: number, title: string, type: number, at: number, length: number) => {
    const record = Buffer.alloc(2 * size + name + 1 + 2 * size + 6, 0);
    record.writeUIntLE(++fieldId, 0, size);
    record.writeUIntLE(table, size, size);
    record.fill(0x20, 2 * size, 2 * size + name).write(title, 2 * size);
    record[2 * size + name] = type;
    record.writeUIntLE(at, 2 * size + name + 1, size);
    record.writeUIntLE(length, 3 * size + name + 1, size);
    return record;
  };
  const index = (...values: readonly number[]): Uint8Array => {
    const record = Buffer.alloc(size * values.length);
    values.forEach((value, i) => record.writeUIntLE(value, i * size, size));
    return record;
  };
  const own = 2 * size + name;
  const fields = [
    field(7, 'Id', 15, 0, 4),
    field(7, 'Name', 0, 4, 20),
    field(2, 'Xe$File', 1, size + shift, size),
    field(2, 'Xe$Name', 0, 2 * size, name),
    field(2, 'Xe$DataType', 1, own, 1),
    field(2, 'Xe$Offset', 1, own + 1, size),
    field(2, 'Xe$Size', 1, own + 1 + size, size),
    ...['File', 'Field', 'Number', 'Part', 'Flags'].map((title, i) =>
      field(3, `Xi$${title}`, 14, i * size, size),
    ),
    field(7, 'Bit', 16, 24, 1),
    field(7, 'Bit', 16, 24, 1),
    field(7, 'Note', 12, 30, 100),
    field(7, 'Odd', 99, 25, 2),
    field(7, 'ById', 255, 0, 4),
    field(7, 'Beyond', 0, 28, 99),
  ];
  return {
    files: [
      file(2, 'X$Field', 'field.ddf'),
      file(3, 'X$Index', 'index.ddf'),
      file(7, 'Orders', 'DATA\\ORDERS.BTR'),
    ],
    fields,
    indexes: [
      index(7, 1, 1, 1, DUPLICATES | EXTENDED),
      index(7, 1, 0, 0, EXTENDED),
      index(7, 2, 1, 0, DUPLICATES | MORE | CASELESS | EXTENDED),
      index(2, 3, 0, 0, EXTENDED),
    ],
  };
}
