/**
 * The crash laboratory from the command line.
 *
 *     npm run test:crash                       the ci tier
 *     npm run test:crash -- --long             every state, several seeds
 *     npm run test:crash -- --scenario growth --seed 7 --state 12.30
 */
import { parseArgs } from 'node:util';
import { runTier } from './tiers.js';

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    state: { type: 'string' },
  },
});

runTier({
  tier: values.long ? 'long' : 'ci',
  seed: Number(values.seed ?? process.env['SEED'] ?? 1),
  ...(values.scenario === undefined ? {} : { scenario: values.scenario }),
  ...(values.state === undefined ? {} : { state: values.state }),
  print: (line) => console.log(line),
});
