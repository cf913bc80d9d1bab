/** Every seeded fault of the transaction log is found by the tests of this folder. */
import { testFaults } from '../../support/faults/suite.js';
import { seeded } from '../records/record-faults.js';
import { SEEDED_LOG_FAULTS } from './log-faults.js';

testFaults({
  title: 'the tests of the log find:',
  faults: seeded(SEEDED_LOG_FAULTS),
  trials: 'test/crash/log/log-trials.ts',
});
