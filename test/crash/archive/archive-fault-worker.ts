/**
 * One trial of archival logs, or of roll-forward, as it is in a tree, in a process of its own:
 *
 *     node --import tsx test/crash/archive/archive-fault-worker.ts <tree> <trial> <seed>
 *
 * Prints `passed`, or `found: …`; `broken: …` if the tree cannot be run at all.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as LabModule from '../log/log-lab.js';
import type * as RollLabModule from '../roll-forward/roll-forward-lab.js';
import type * as RollRulesModule from '../roll-forward/roll-forward-rules.js';
import type * as RulesModule from './archive-rules.js';
import type * as ScenariosModule from './archive-scenarios.js';

const LIMIT = 120;
/** Of roll-forward, and states of each. */
const LIVES = 8;
const LIFE_LIMIT = 12;

async function load<Module>(tree: string, name: string): Promise<Module> {
  return (await import(pathToFileURL(join(tree, 'test/crash', name)).href)) as Module;
}

async function trialOf(tree: string, name: string, seed: number): Promise<() => void> {
  const rules = await load<typeof RulesModule>(tree, 'archive/archive-rules.ts');
  const { ARCHIVE_SCENARIOS } = await load<typeof ScenariosModule>(
    tree,
    'archive/archive-scenarios.ts',
  );
  const { LogLab } = await load<typeof LabModule>(tree, 'log/log-lab.ts');
  const { checkWholeTransactions } = await load<typeof RollRulesModule>(
    tree,
    'roll-forward/roll-forward-rules.ts',
  );
  const { RollForwardLab } = await load<typeof RollLabModule>(
    tree,
    'roll-forward/roll-forward-lab.ts',
  );
  const own: Readonly<Record<string, () => void>> = {
    'rule: a restored copy': () => rules.checkRestoredCopy(seed),
    'rule: a removed log': () => rules.checkRemovedLog(seed),
    'rule: times': () => rules.checkTimes(seed),
    'rule: a log that cannot be written': () => rules.checkDegraded(seed),
    'rule: whole transactions': () => checkWholeTransactions(seed),
    'roll-forward: lives': () => {
      for (let life = 0; life < LIVES; life++) new RollForwardLab(seed + life, LIFE_LIMIT).run();
    },
  };
  const scenario = ARCHIVE_SCENARIOS.find((each) => each.name === name);
  if (scenario !== undefined) return () => void new LogLab(scenario, { seed, limit: LIMIT }).run();
  const trial = own[name];
  if (trial === undefined) throw new Error(`there is no trial '${name}'`);
  return trial;
}

function textOf(error: unknown): string {
  let [text, each] = [String(error), error];
  for (; each instanceof Error; each = each.cause) text = each.message;
  return text;
}

const [tree = '', name = '', seed = '1'] = process.argv.slice(2);
let trial: (() => void) | undefined;
try {
  trial = await trialOf(tree, name, Number(seed));
} catch (error) {
  console.log(`broken: ${textOf(error)}`);
}
if (trial !== undefined) {
  try {
    trial();
    console.log('passed');
  } catch (error) {
    console.log(`found: ${textOf(error)}`);
  }
}
