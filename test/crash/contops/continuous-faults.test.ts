/** Every seeded fault of continuous operation is found by the crash tests of this folder. */
import { testFaults } from '../../support/faults/suite.js';
import { seeded } from '../records/record-faults.js';
import { SEEDED_CONTINUOUS_FAULTS } from './continuous-faults.js';

testFaults({
  title: 'the crash tests find:',
  faults: seeded(SEEDED_CONTINUOUS_FAULTS),
  trials: 'test/crash/contops/continuous-trials.ts',
});
