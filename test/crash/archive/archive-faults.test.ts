/** Every seeded fault of archival logs and of roll-forward is found by the trial that it names. */
import { testFaults } from '../../support/faults/suite.js';
import { seeded } from '../records/record-faults.js';
import { SEEDED_ROLL_FORWARD_FAULTS } from '../roll-forward/roll-forward-faults.js';
import { SEEDED_ARCHIVE_FAULTS } from './archive-faults.js';

testFaults({
  title: 'the trial finds:',
  faults: seeded([...SEEDED_ARCHIVE_FAULTS, ...SEEDED_ROLL_FORWARD_FAULTS]),
  trials: 'test/crash/archive/archive-trials.ts',
  alone: true,
});
