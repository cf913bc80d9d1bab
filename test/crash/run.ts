/**
 * The crash laboratory from the command line.
 *
 *     npm run test:crash                       the crash states of the ci tier
 *     npm run test:crash -- --long             more of them with five seeds, and the long tier of
 *                                              sync failures, failing calls, corruption and fuzz
 *     npm run test:crash -- --scenario growth --seed 7 --state 12.30
 */
import { parseArgs } from 'node:util';
import { runCorruption } from './corruption.js';
import { runFailAtN } from './fail-at-n.js';
import { runFuzz } from './fuzz.js';
import { runSyncFailures } from './sync-failures.js';
import { runTier } from './tiers.js';

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    state: { type: 'string' },
  },
});

const seed = Number(values.seed ?? process.env['SEED'] ?? 1);
const print = (line: string): void => console.log(line);

runTier({
  tier: values.long ? 'long' : 'ci',
  seed,
  ...(values.scenario === undefined ? {} : { scenario: values.scenario }),
  ...(values.state === undefined ? {} : { state: values.state }),
  print,
});
if (values.long && values.scenario === undefined) {
  runSyncFailures({ seed, scale: 8, print });
  runFailAtN({ seed, scale: 7, print });
  runCorruption({ seed, scale: 2, print });
  runFuzz({ seed, scale: 50, print });
}
