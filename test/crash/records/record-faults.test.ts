/** Every seeded fault above pages is found by the tests of records. */
import { expect, test } from 'vitest';
import { testFaults } from '../../support/faults/suite.js';
import { putFault, seeded, SEEDED_RECORD_FAULTS, type RecordFault } from './record-faults.js';

test('a fault that no longer fits its source says so', () => {
  const fault = { name: 'F', file: 'f.ts', why: '', first: '' };
  const source = 'begin\n  one();\n  two();\nend\n  two();\n';
  const put = (edit: RecordFault['edits'][number]) => putFault(source, { ...fault, edits: [edit] });
  expect(put({ find: 'one();', put: 'no();' })).toBe(source.replace('one', 'no'));
  expect(put({ after: 'end', find: 'two', put: '$&' })).toBe(
    'begin\n  one();\n  two();\nend\n  $&();\n',
  );
  expect(() => put({ find: 'three', put: '' })).toThrow(
    /fault 'F': anchor not found: three in .*f\.ts/,
  );
  expect(() => put({ after: 'three', find: 'two', put: '' })).toThrow('anchor not found: three');
  expect(() => put({ after: 'end', find: 'one', put: '' })).toThrow("not found behind 'end': one");
  expect(() => put({ find: 'two', put: '' })).toThrow('2 anchors: two');
});

testFaults({
  title: 'the tests of records find:',
  faults: seeded(SEEDED_RECORD_FAULTS),
  trials: 'test/crash/records/record-trials.ts',
});
