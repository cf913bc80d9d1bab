/**
 * The crash laboratories from the command line.
 *
 *     npm run test:crash                       the crash states of pages, as in the ci tier
 *     npm run test:crash -- --long             more of them with five seeds, and the long tier of
 *                                              sync failures, failing calls, corruption and fuzz
 *     npm run test:crash -- --scenario growth --seed 7 --state 12.30
 *     npm run test:crash -- --lab log          a million crash states of the transaction log; also `archive`
 *                                              and `contops`
 *     npm run test:crash -- --lab log --states 5000 --limit 300 --seed 7
 */
import { parseArgs } from 'node:util';
import { runCorruption } from './corruption.js';
import { runFailAtN } from './fail-at-n.js';
import { runFuzz } from './fuzz.js';
import { runSyncFailures } from './sync-failures.js';
import { ARCHIVE_SCENARIOS } from './archive/archive-scenarios.js';
import { CONTINUOUS_SCENARIOS } from './contops/continuous-scenarios.js';
import { LOG_SCENARIOS } from './log/log-scenarios.js';
import { runLongTier } from './log/log-tiers.js';
import { runTier } from './tiers.js';

const LABS = new Map([
  ['log', LOG_SCENARIOS],
  ['archive', ARCHIVE_SCENARIOS],
  ['contops', CONTINUOUS_SCENARIOS],
]);
/** Of `--lab`: states in all, and of one scenario with one seed. */
const STATES = 1_000_000;
const LIMIT = 3300;

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    state: { type: 'string' },
    lab: { type: 'string' },
    states: { type: 'string' },
    limit: { type: 'string' },
  },
});

const seed = Number(values.seed ?? process.env['SEED'] ?? 1);
const print = (line: string): void => console.log(line);

if (values.lab === undefined) runPages();
else runLab(values.lab);

function runPages(): void {
  runTier({
    tier: values.long ? 'long' : 'ci',
    seed,
    ...(values.scenario === undefined ? {} : { scenario: values.scenario }),
    ...(values.state === undefined ? {} : { state: values.state }),
    print,
  });
  if (!values.long || values.scenario !== undefined) return;
  runSyncFailures({ seed, scale: 8, print });
  runFailAtN({ seed, scale: 7, print });
  runCorruption({ seed, scale: 2, print });
  runFuzz({ seed, scale: 50, print });
}

function runLab(lab: string): void {
  const { scenario = '', state } = values;
  const scenarios = LABS.get(lab)?.filter(({ name }) => name.includes(scenario)) ?? [];
  if (scenarios.length === 0) {
    const names = [...LABS.keys()].join(', ');
    throw new Error(`--lab is one of ${names}, and --scenario a part of a name there`);
  }
  const limit = Number(values.limit ?? LIMIT);
  // One state is looked for with one seed.
  const states = state === undefined ? Number(values.states ?? STATES) : 1;
  if (!(states > 0 && limit > 0)) throw new Error('--states and --limit are numbers above 0');
  const only = state === undefined ? {} : { state };
  runLongTier({ seed, limit, states, print, ...only }, scenarios);
}
