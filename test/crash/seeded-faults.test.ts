/** Every seeded fault of pages is found by the crash tests. */
import { testFaults } from '../support/faults/suite.js';
import { putFault, SEEDED_FAULTS } from './seeded-faults.js';

testFaults({
  title: 'the crash tests find:',
  faults: SEEDED_FAULTS.map((fault) => ({ ...fault, put: (source) => putFault(source, fault) })),
  trials: 'test/crash/page-trials.ts',
});
