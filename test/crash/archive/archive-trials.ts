/** The trials of archival logs and of roll-forward: scenarios crashed, and what is demanded by rule. */
import type { Trial } from '../../support/faults/trial.js';
import { crashed } from '../log/log-trials.js';
import { RollForwardLab } from '../roll-forward/roll-forward-lab.js';
import { checkWholeTransactions } from '../roll-forward/roll-forward-rules.js';
import * as rules from './archive-rules.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';

const LIMIT = 40;
/** Of roll-forward, and states of each. */
const LIVES = 4;
const LIFE_LIMIT = 12;

export function trials(seed: number): Trial[] {
  return [
    ...ARCHIVE_SCENARIOS.map((scenario) => crashed(scenario, seed, LIMIT)),
    { name: 'rule: a restored copy', run: () => rules.checkRestoredCopy(seed) },
    { name: 'rule: a removed log', run: () => rules.checkRemovedLog(seed) },
    { name: 'rule: times', run: () => rules.checkTimes(seed) },
    { name: 'rule: a log that cannot be written', run: () => rules.checkDegraded(seed) },
    { name: 'rule: whole transactions', run: () => checkWholeTransactions(seed) },
    {
      name: 'roll-forward: lives',
      run: () => {
        for (let life = 0; life < LIVES; life++) new RollForwardLab(seed + life, LIFE_LIMIT).run();
      },
    },
  ];
}
