/**
 * What the compiler infers from a declared record layout, and what it refuses. A line after
 * `@ts-expect-error` that compiles makes the type check fail.
 */
import { describe, expect, expectTypeOf, test } from 'vitest';
import { asc, desc, key } from '../../src/records/key-declarations.js';
import {
  autoincrement,
  autotimestamp,
  bfloat,
  bytes,
  currency,
  date,
  datetime,
  decimal,
  float,
  guid,
  integer,
  logical,
  lstring,
  money,
  nullable,
  numeric,
  numericsa,
  string,
  time,
  timestamp,
  timestamp2,
  unsigned,
  variable,
  wstring,
  wzstring,
  zstring,
} from '../../src/records/record-fields.js';
import {
  defineRecord,
  type KeyNameOf,
  type NewRecordOf,
  type RecordOf,
} from '../../src/records/record-layout.js';

const Customer = defineRecord(
  {
    id: autoincrement(4),
    name: zstring(30),
    city: string(20),
    balance: decimal(8, { scale: 2 }),
    born: date(),
    phone: nullable(string(12)),
    notes: variable.text(),
  },
  {
    keys: {
      byId: key('id', { unique: true }),
      byName: key('name', { duplicates: true, modifiable: true, ignoreCase: true }),
      byCity: key([asc('city'), desc('balance')], { duplicates: 'repeating' }),
      byPhone: key(desc('phone'), { duplicates: true }),
    },
  },
);
type Customer = RecordOf<typeof Customer>;

const memory = new Uint8Array(200);
const anna: Customer = {
  id: 1,
  name: 'Anna',
  city: 'Bern',
  balance: '10.00',
  born: '1970-01-02',
  phone: null,
  notes: '',
};

describe('types of records', () => {
  test('as they are read', () => {
    expectTypeOf<Customer>().toEqualTypeOf<{
      id: number;
      name: string;
      city: string;
      balance: string;
      born: string;
      phone: string | null;
      notes: string;
    }>();
    expectTypeOf(
      Customer.decode(memory, 0, Customer.encode(anna, memory)),
    ).toEqualTypeOf<Customer>();
  });

  test('as they are written: what the engine assigns may be missing', () => {
    expectTypeOf<NewRecordOf<typeof Customer>>().toEqualTypeOf<{
      id?: number | undefined;
      name: string;
      city: string;
      balance: string;
      born: string;
      phone: string | null;
      notes: string;
    }>();
    const { name, city, balance, born, phone, notes } = anna;
    const unnumbered = { name, city, balance, born, phone, notes };
    expect(Customer.encode(unnumbered, memory)).toBe(Customer.recordLength);
  });

  test('of every field', () => {
    const everything = defineRecord({
      a: integer(1),
      b: integer(8),
      c: integer(8, { as: 'number' }),
      d: unsigned(4),
      e: unsigned(8),
      f: float(8),
      g: bfloat(4),
      h: time(),
      i: money(6),
      j: money(6, { as: 'bigint' }),
      k: decimal(4, { scale: 1, as: 'number' }),
      l: numeric(5),
      m: numericsa(5, { as: 'bigint' }),
      n: lstring(5),
      o: wstring(8),
      p: wzstring(8),
      q: logical(),
      r: currency(),
      s: currency({ as: 'number' }),
      t: timestamp(),
      u: timestamp2({ as: 'Date' }),
      v: datetime(),
      w: datetime({ as: 'Date' }),
      x: guid(),
      y: bytes(3),
      z: variable.bytes(),
    });
    expect(Object.keys(everything.fields)).toHaveLength(25);
    expectTypeOf<RecordOf<typeof everything>>().toEqualTypeOf<{
      a: number;
      b: bigint;
      c: number;
      d: number;
      e: bigint;
      f: number;
      g: number;
      h: string;
      i: string;
      j: bigint;
      k: number;
      l: string;
      m: bigint;
      n: string;
      o: string;
      p: string;
      q: boolean;
      r: string;
      s: number;
      t: bigint;
      u: Date;
      v: string;
      w: Date;
      x: string;
      y: Uint8Array;
      z: Uint8Array;
    }>();
  });

  test('of what is assigned, in its forms', () => {
    const event = defineRecord({
      id: autoincrement(8),
      other: autoincrement(8, { as: 'number' }),
      at: autotimestamp({ as: 'Date' }),
    });
    expect(event.encode({}, memory)).toBe(24);
    expectTypeOf<NewRecordOf<typeof event>>().toEqualTypeOf<{
      id?: bigint | undefined;
      other?: number | undefined;
      at?: Date | undefined;
    }>();
  });
});

describe('types of keys', () => {
  test('their names', () => {
    expectTypeOf<KeyNameOf<typeof Customer>>().toEqualTypeOf<
      'byId' | 'byName' | 'byCity' | 'byPhone'
    >();
    expectTypeOf<KeyNameOf<ReturnType<typeof withoutKeys>>>().toEqualTypeOf<never>();
  });

  test('what they are as they are read', () => {
    expectTypeOf(Customer.decodeKey('byCity', memory)).toEqualTypeOf<{
      city: string;
      balance: string;
    }>();
    expectTypeOf(Customer.decodeKey('byId', memory)).toEqualTypeOf<{ id: number }>();
  });

  test('what a look-up takes', () => {
    expect(Customer.encodeKey('byId', 7, memory)).toBe(4);
    expect(Customer.encodeKey('byId', { id: 7 }, memory)).toBe(4);
    expect(Customer.encodeKey('byCity', { city: 'Bern' }, memory)).toBe(28);
    expect(Customer.encodeKey('byCity', { city: 'Bern', balance: '1.00' }, memory)).toBe(28);
    expect(Customer.encodeKey('byPhone', null, memory)).toBe(13);
  });
});

function withoutKeys() {
  return defineRecord({ a: integer(4) });
}

describe('what does not compile, and is refused without types too', () => {
  test('values', () => {
    // @ts-expect-error a number is no string
    expect(() => Customer.encode({ ...anna, name: 5 }, memory)).toThrow('name');
    // @ts-expect-error null is for nullable fields
    expect(() => Customer.encode({ ...anna, city: null }, memory)).toThrow('city');
    // @ts-expect-error a decimal is a string unless it says otherwise
    expect(() => Customer.encode({ ...anna, balance: 10 }, memory)).toThrow('balance');
    const { name, city, balance, phone, notes } = anna;
    const unborn = { name, city, balance, phone, notes };
    // @ts-expect-error a field is missing
    expect(() => Customer.encode(unborn, memory)).toThrow('born');
    // @ts-expect-error there is no such field
    Customer.encode({ ...anna, nmae: '' }, memory);
  });

  test('keys at use sites', () => {
    // @ts-expect-error there is no such key
    expect(() => Customer.encodeKey('byNmae', 'x', memory)).toThrow('byNmae');
    // @ts-expect-error there is no such key
    expect(() => Customer.decodeKey('name', memory)).toThrow('name');
    // @ts-expect-error a number is no value of this key
    expect(() => Customer.encodeKey('byName', 5, memory)).toThrow('name');
    // @ts-expect-error several fields go by name
    expect(() => Customer.encodeKey('byCity', 'Bern', memory)).toThrow('several');
    // @ts-expect-error the first field must be given
    expect(() => Customer.encodeKey('byCity', { balance: '1.00' }, memory)).toThrow('city');
    // @ts-expect-error a field of another key
    Customer.encodeKey('byCity', { city: 'Bern', name: 'x' }, memory);
    // @ts-expect-error the only key has no name
    expect(() => withoutKeys().encodeKey('byId', 1, memory)).toThrow('byId');
  });

  test('declarations of keys', () => {
    const fields = { id: integer(4), notes: variable.text() };
    // @ts-expect-error there is no such field
    expect(() => defineRecord(fields, { keys: { a: key('ids') } })).toThrow('ids');
    // @ts-expect-error there is no such field among several
    expect(() => defineRecord(fields, { keys: { a: key(['id', desc('di')]) } })).toThrow('di');
    // @ts-expect-error no key can be made of the variable tail
    expect(() => defineRecord(fields, { keys: { a: key('notes') } })).toThrow('notes');
    // @ts-expect-error either unique or with duplicates
    key('id', { unique: true, duplicates: true });
    // @ts-expect-error a key has a field
    key([]);
  });

  test('declarations of fields', () => {
    // @ts-expect-error no integers of three bytes
    expect(() => integer(3)).toThrow('integer');
    // @ts-expect-error no autoincrement of one byte
    expect(() => autoincrement(1)).toThrow('autoincrement');
    // @ts-expect-error short integers are numbers anyway
    integer(4, { as: 'bigint' });
    // @ts-expect-error no floating point of two bytes
    expect(() => float(2)).toThrow('float');
    // @ts-expect-error what the engine assigns is never null
    expect(() => nullable(autoincrement(4))).toThrow('nullable');
    // @ts-expect-error null once is enough
    expect(() => nullable(nullable(date()))).toThrow('nullable');
    // @ts-expect-error the tail is as short as it likes
    expect(() => nullable(variable.text())).toThrow('nullable');
    // @ts-expect-error not an encoding
    expect(() => defineRecord({ a: string(4, { encoding: 'utf8' }) })).toThrow('utf8');
    // @ts-expect-error not a way to see decimals
    expect(() => decimal(4, { as: 'Number' })).toThrow('Number');
  });
});
