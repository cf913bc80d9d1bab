/** Export and import: CSV and JSON Lines, layouts, dictionaries, and that an exact export comes back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Columns, gapsOf, type Value } from '../../src/exchange/columns.js';
import { layoutOfTable, readDictionary, tableFor } from '../../src/exchange/data-dictionary.js';
import {
  encodingNamed,
  FIELD_TYPES,
  parseLayout,
  type ExchangeLayout,
} from '../../src/exchange/field-declarations.js';
import { headText, rowReader, rowText, type Row } from '../../src/exchange/row-text.js';
import { keyMismatches } from '../../src/maintenance/dictionary-keys.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { dictionary } from '../support/dictionary.js';

const RUNS = Number(process.env['RUNS'] ?? 200);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

function refusal(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('there was no refusal');
}

function readAll(format: 'csv' | 'jsonl', text: string, size = 7): Row[] {
  const reader = rowReader(format);
  const rows: Row[] = [];
  for (let at = 0; at < text.length; at += size)
    rows.push(...reader.take(text.slice(at, at + size)));
  return [...rows, ...reader.end()];
}

describe('rows as text', () => {
  const cell = fc.oneof(
    fc.string(),
    fc.constantFrom('', ' ', 'a"b', '"', 'a,b', 'x\r\ny', '\n', "'", 'hex:', '\uFEFF'),
  );

  test(`CSV comes back, in pieces of any size (seed ${SEED})`, () => {
    const rows = fc
      .integer({ min: 1, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 }),
      );
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 20 }), (values, size) => {
        const names = (values[0] ?? ['a']).map((_, i) => `n${i}`);
        const lines = values.map((row) => rowText('csv', names, row));
        const found = readAll('csv', headText('csv', names) + lines.join(''), size);
        expect(found.map((row) => [...row.values()])).toEqual(values);
      }),
      SETTINGS,
    );
  });

  test('JSON Lines come back', () => {
    const values = ['a"\n', 1.5, true, ''] as const;
    const names = ['a', 'b', 'c', 'd'];
    const text = rowText('jsonl', names, values);
    const found = readAll('jsonl', text + text.trimEnd());
    expect(found.map((row) => [...row.values()])).toEqual([values, values]);
  });

  test('what other programs write', () => {
    const values = (text: string): string[][] =>
      readAll('csv', text, 1).map((row) => [...row.values()].map(String));
    expect(values('\uFEFFa,b\n1,"2"\n')).toEqual([['1', '2']]);
    expect(values('a,b\r1,2\r\r3,4')).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(values('a\r\n"x ""y"" z"\r\n')).toEqual([['x "y" z']]);
    expect([...(readAll('csv', '\uFEFF"a",b\n1,2')[0]?.keys() ?? [])]).toEqual(['a', 'b']);
    expect(readAll('csv', '')).toEqual([]);
  });

  test.each([
    ['csv', 'a,b\n1\n', 'row 2 has 1 cell,'],
    ['csv', 'a\n"1', 'not closed'],
    ['csv', 'a\n"1"2\n', 'behind a closing'],
    ['csv', 'a\n1"2"\n', 'within a cell'],
    ['jsonl', '{"a":1}\n{', 'line 2 is no JSON'],
    ['jsonl', '[1]\n', 'line 1 is no object'],
    ['jsonl', '{"a":[]}\n', 'a is neither'],
  ] as const)('%s %j is refused', (format, text, message) => {
    const error = refusal(() => readAll(format, text));
    expect([error.status, error.reason]).toEqual([160, 'layout']);
    expect(error.message).toContain(message);
  });
});

describe('layout files', () => {
  test('places follow each other', () => {
    const { encoding, fields, rest } = parseLayout(
      '{"fields":[{"name":"a","type":"integer","length":4},{"name":"b","type":"decimal","length":5,"decimals":2,"offset":10},{"name":"c","type":"date","length":4}],"rest":{"name":"d","type":"text"}}',
    );
    expect(encoding).toBe('windows-1252');
    expect(fields.map(({ offset }) => offset)).toEqual([0, 10, 15]);
    expect(fields[1]?.decimals).toBe(2);
    expect(rest).toEqual({ name: 'd', type: 'text' });
  });

  test.each([
    ['{', 'no JSON'],
    ['[]', 'no object'],
    ['{"fields":[]}', 'no list of fields'],
    ['{"field":[]}', 'nothing of this name'],
    ['{"encoding":"cp037","fields":[{"name":"a","type":"date","length":4}]}', 'no such encoding'],
    ['{"fields":[{"name":"a","type":"int","length":4}]}', 'field a: no such type'],
    ['{"fields":[{"name":"a","type":"integer","length":-1}]}', 'no number of bytes'],
    ['{"fields":[{"name":"a","type":"integer"}]}', 'no number of bytes'],
    ['{"fields":[{"type":"integer","length":4}]}', 'field 1 has no name'],
    [
      '{"fields":[{"name":"a","type":"bytes","length":4},{"name":"a","type":"bytes","length":4}]}',
      'two fields',
    ],
    ['{"fields":[{"name":"a","type":"bytes","length":4}],"rest":{"name":"b","type":"x"}}', 'rest'],
  ])('%s is refused', (text, message) => {
    const error = refusal(() => parseLayout(text));
    expect([error.status, error.reason]).toEqual([160, 'layout']);
    expect(error.message).toContain(message);
  });

  test('lengths that a type has not, and fields outside of the record', () => {
    const columns = (type: string, length: number) => () =>
      new Columns(
        { encoding: 'utf-8', fields: [{ name: 'a', type, length, offset: 0 }] },
        { recordLength: 20, isVariable: false, exact: false },
      );
    expect(refusal(columns('integer', 3)).message).toContain('field a');
    expect(refusal(columns('date', 5)).message).toContain('no such length');
    expect(refusal(columns('bytes', 21)).message).toContain('not in the fixed part');
    expect(columns('bytes', 20)().names).toEqual(['a']);
  });
});

/** A legal length of each type. */
const LENGTHS: Readonly<Record<string, number>> = {
  ...{ wstring: 6, wzstring: 6, float: 8, bfloat: 8, currency: 8, logical: 1, datetime: 8 },
  ...{ timestamp: 8, timestamp2: 8, guid: 16, integer: 8, unsigned: 2 },
};

const ALL: ExchangeLayout = parseLayout(
  JSON.stringify({
    encoding: 'cp850',
    fields: FIELD_TYPES.map((type, i) => ({
      ...{ name: type, type, length: LENGTHS[type] ?? 4 },
      // Two bytes that no field has, before every second.
      ...(i % 2 === 0 ? {} : { decimals: 1 }),
    })),
    rest: { name: 'rest', type: 'text' },
  }),
);
const USED = ALL.fields.reduce((end, { offset, length }) => Math.max(end, offset + length), 0);

describe('records as rows', () => {
  test(`an exact row gives back every byte, through CSV and JSON (seed ${SEED})`, () => {
    const options = { recordLength: USED + 6, isVariable: true, exact: true };
    const columns = new Columns(ALL, options);
    const back = new Columns(ALL, options);
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: USED + 6, maxLength: USED + 40 }),
      fc
        .array(fc.constantFrom(0, 0x20, 0x31, 0x0c), { minLength: USED + 6, maxLength: USED + 9 })
        .map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom('csv' as const, 'jsonl' as const), (record, format) => {
        const values = columns.read(record, record.length);
        const text = headText(format, columns.names) + rowText(format, columns.names, values);
        const [row] = readAll(format, text, 100);
        const again = back.write(back.names.map((name) => row?.get(name)));
        expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(record).toString('hex'));
      }),
      SETTINGS,
    );
  });

  test('without that, text is text, and what is lost is counted', () => {
    const layout = parseLayout('{"fields":[{"name":"t","type":"string","length":4}]}');
    const columns = new Columns(layout, { recordLength: 6, isVariable: false, exact: false });
    expect(columns.names).toEqual(['t']);
    expect(columns.read(Uint8Array.of(0x41, 0, 0, 0, 0, 0), 6)).toEqual(['A']);
    expect([columns.inexact, columns.uncovered]).toEqual([1, 0]);
    expect(columns.read(Uint8Array.of(0x41, 0x20, 0x20, 0x20, 0, 1), 6)).toEqual(['A']);
    expect([columns.inexact, columns.uncovered]).toEqual([1, 1]);
    // Text that looks like bytes in hexadecimal.
    const hex = new TextEncoder().encode('hex:  ');
    const wide = parseLayout('{"fields":[{"name":"t","type":"string","length":6}]}');
    const other = new Columns(wide, { recordLength: 6, isVariable: false, exact: false });
    expect(other.read(hex, 6)).toEqual(['hex:6865783a2020']);
  });

  test('values that a field cannot have', () => {
    const layout = parseLayout(
      '{"fields":[{"name":"n","type":"integer","length":2},{"name":"l","type":"logical","length":1},{"name":"d","type":"date","length":4},{"name":"b","type":"bytes","length":2}]}',
    );
    const columns = new Columns(layout, { recordLength: 9, isVariable: false, exact: false });
    const write =
      (...values: (Value | undefined)[]) =>
      () =>
        columns.write(values);
    expect(write('5', 'true', '1999-12-31', 'AAE=')()).toHaveLength(9);
    expect([...write(undefined, '', '', undefined)()]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(refusal(write('x')).message).toContain('field n cannot have this value');
    expect(refusal(write('70000')).message).toContain('field n');
    expect(refusal(write('1', 'maybe')).message).toContain('field l');
    expect(refusal(write('1', 'true', '31.12.1999')).message).toContain('field d');
    expect(refusal(write('1', 'true', '', 'A*')).message).toContain('field b');
    expect(refusal(write('hex:00')).message).toContain('field n');
  });

  test('gaps', () => {
    const fields = [
      { name: 'a', type: 'bytes', length: 2, offset: 1 },
      { name: 'b', type: 'bytes', length: 2, offset: 2 },
    ];
    expect(gapsOf(fields, 6).map(({ offset, length }) => [offset, length])).toEqual([
      [0, 1],
      [4, 2],
    ]);
    expect(gapsOf(fields, 4).map(({ offset }) => offset)).toEqual([0]);
  });
});

describe('halves of surrogate pairs', () => {
  const wide = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'utf16le'));
  const texts = ['a\u{1F600}b ', 'a\uD83Dbcd', '\uDE00abcd', 'abcd\uD83D'].map((text) =>
    text.slice(0, 5).padEnd(5),
  );

  test.each(['csv', 'jsonl'] as const)('come back by way of %s', (format) => {
    for (const [type, length] of [
      ['wstring', 10],
      ['wzstring', 12],
    ] as const) {
      const fields = [{ name: 'a', type, length, offset: 0 }];
      const options = { recordLength: length, isVariable: false, exact: true };
      const columns = new Columns({ encoding: 'utf-8', fields, rest: undefined }, options);
      for (const text of texts) {
        const record = new Uint8Array(length);
        record.set(wide(text));
        const line = rowText(format, columns.names, columns.read(record, length));
        // What the file has is UTF-8.
        const stored = new TextDecoder().decode(new TextEncoder().encode(line));
        const [row] = readAll(format, headText(format, columns.names) + stored);
        expect(Buffer.from(columns.write([row?.get('a')])).toString('hex')).toBe(
          Buffer.from(record).toString('hex'),
        );
      }
    }
  });

  test('are counted', () => {
    const fields = [{ name: 'a', type: 'wstring', length: 10, offset: 0 }];
    const options = { recordLength: 10, isVariable: false, exact: false };
    const columns = new Columns({ encoding: 'utf-8', fields, rest: undefined }, options);
    const shown = texts.map((text) => columns.read(wide(text), 10)[0]);
    expect(shown[0]).toBe(texts[0]?.trimEnd());
    expect(shown.slice(1).every((value) => String(value).startsWith('hex:'))).toBe(true);
    expect(columns.inexact).toBe(3);
  });
});

test.each([
  ['cp1252', 'windows-1252'],
  ['CP1250', 'windows-1250'],
  ['cp1258', 'windows-1258'],
  ['cp874', 'windows-874'],
  ['cp850', 'cp850'],
  ['Windows-1252', 'windows-1252'],
])('encoding %s is %s', (name, expected) => {
  expect(encodingNamed(name)).toBe(expected);
});

test.each(['cp1259', 'cp12520', 'cp8740'])('%s is no encoding', (name) => {
  expect(refusal(() => encodingNamed(name)).status).toBe(160);
});

describe('dictionaries', () => {
  test.each([false, true])('long names: %s', (isLong) => {
    const { files, fields } = dictionary(isLong);
    const tables = readDictionary(files, fields, 'cp437');
    const table = tableFor(tables, '/some/where/orders.btr', undefined);
    expect(table.name).toBe('Orders');
    expect(tableFor(tables, 'x', 'orders')).toBe(table);
    const { layout, notes } = layoutOfTable(table, 'cp437', 30);
    expect(layout.fields.map(({ name, type, offset }) => [name, type, offset])).toEqual([
      ['Id', 'autoincrement', 0],
      ['Name', 'string', 4],
      ['Bit', 'unsigned', 24],
      ['Bit at 24', 'unsigned', 24],
      ['Odd', 'bytes', 25],
    ]);
    expect(notes.join(' ')).toMatch(/Bit.*Note.*Odd.*Beyond|Note.*Odd.*Beyond/);
  });

  test('long names are believed only if they describe themselves', () => {
    const { files, fields } = dictionary(true, 3);
    const error = refusal(() => readDictionary(files, fields, 'cp437'));
    expect(error.message).toContain('not known: give a layout file');
  });

  test.each([false, true])('keys are compared with those of the file, long names: %s', (isLong) => {
    const { files, fields, indexes } = dictionary(isLong);
    const table = tableFor(
      readDictionary(files, fields, 'cp437', indexes),
      'orders.btr',
      undefined,
    );
    const segment = (offset: number, length: number, flags: number) => ({
      ...{ offset, length, flags, type: 0, nullValue: 0 },
    });
    const id = { number: 0, segments: [segment(0, 4, 0)] };
    const caseless = KEY_FLAG.DUPLICATES | KEY_FLAG.IGNORE_CASE;
    const name = {
      number: 1,
      segments: [segment(4, 20, caseless), segment(0, 4, KEY_FLAG.DUPLICATES)],
    };
    expect(keyMismatches(table, 'orders.btr', [id, name])).toEqual([]);
    // What tells that the next segment is null is in no dictionary.
    const indicator = { ...segment(3, 1, caseless), type: 255 };
    const withNull = { number: 1, segments: [indicator, ...name.segments] };
    expect(keyMismatches(table, 'orders.btr', [id, withNull])).toEqual([]);
    const wrong = { number: 0, segments: [segment(0, 2, KEY_FLAG.DESCENDING)] };
    const [first, second, third] = keyMismatches(table, 'orders.btr', [
      wrong,
      { ...id, number: 2 },
    ]);
    expect(first).toBe(
      'Key 0 of orders.btr is bytes 0 to 1 descending; by the dictionary, table Orders, it is bytes 0 to 3.',
    );
    expect(second).toMatch(/^Key 1 of orders\.btr is not there; .* bytes 4 to 23 by a sequence/);
    expect(third).toMatch(/^Key 2 .* it is not there\.$/);
    const many = Array.from({ length: 13 }, (_, number) => ({ ...id, number: number + 2 }));
    const told = keyMismatches(table, 'orders.btr', [id, name, ...many]);
    expect([told.length, told.at(-1)]).toEqual([11, '… and 3 more keys differ.']);
    const untold = readDictionary(files, fields, 'cp437')[2]!;
    expect(keyMismatches(untold, 'orders.btr', [id]).join()).toContain('were not compared');
  });

  test('no dictionary, and no such table', () => {
    const { files, fields } = dictionary(false);
    expect(refusal(() => readDictionary([], [], 'cp437')).message).toContain('no dictionary');
    const tables = readDictionary(files, fields, 'cp437');
    expect(refusal(() => tableFor(tables, 'none.btr', undefined))).toMatchObject({
      reason: 'layout',
      expected: 'X$Field, X$Index, Orders',
    });
    expect(
      refusal(() => tableFor([...tables, ...tables], 'orders.btr', undefined)).message,
    ).toContain('several tables');
  });
});
