/** Every seeded fault of pages that transactions change is found by random lives. */
import { testFaults } from '../../support/faults/suite.js';
import { seeded } from '../records/record-faults.js';
import { SEEDED_PRIVATE_FAULTS } from './private-faults.js';

testFaults({
  title: 'random lives find:',
  faults: seeded(SEEDED_PRIVATE_FAULTS),
  trials: 'test/crash/private/private-trials.ts',
});
