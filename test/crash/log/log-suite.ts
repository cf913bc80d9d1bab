/**
 * The ci tier of a list of scenarios, as tests: one for each, and one for what they come to. Of the
 * environment: `SEED`, `LIMIT` (states of one scenario; some thousands for more than ci), `SCENARIO` (a part
 * of the name) and `STATE`, as a failure printed them.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { CompiledLab } from '../../support/compiled-tree.js';
import type { LogScenario, LogTally } from './log-lab.js';
import type * as Tiers from './log-tiers.js';

export interface LogSuite {
  readonly title: string;
  /** The module that exports them, from the root of the repository, and under which name. */
  readonly scenarios: readonly [source: string, name: string];
  /** States of one scenario. */
  readonly limit: number;
  /** What there must be of all of them together, with this limit. */
  readonly least: Pick<LogTally, 'states' | 'deeper' | 'kills'>;
}

export async function testCrashStates({
  title,
  scenarios: [source, name],
  limit,
  least,
}: LogSuite): Promise<void> {
  const { SEED, LIMIT, SCENARIO = '', STATE } = process.env;
  const lab = new CompiledLab();
  const { LogTier } = (await lab.load('test/crash/log/log-tiers.ts')) as typeof Tiers;
  const scenarios = (await lab.load(source)) as Record<string, readonly LogScenario[]>;
  const lines: string[] = [];
  const tier = new LogTier({
    seed: Number(SEED ?? 1),
    limit: Number(LIMIT ?? limit),
    ...(STATE === undefined ? {} : { state: STATE }),
    print: (line) => void lines.push(line),
  });
  const wanted = scenarios[name]?.filter((scenario) => scenario.name.includes(SCENARIO)) ?? [];
  describe(title, () => {
    afterAll(() => {
      lab.remove();
      tier.printTotal();
      console.log(lines.join('\n'));
    });
    test.each(wanted)('$name', (scenario) => {
      expect(tier.run(scenario).states).toBeGreaterThan(0);
    });
    const isWhole = [LIMIT, SCENARIO || undefined, STATE].every((each) => each === undefined);
    test.runIf(isWhole)('so many states were looked at', () => {
      const { states, deeper, kills } = tier.total;
      expect(states).toBeGreaterThanOrEqual(least.states);
      expect(deeper).toBeGreaterThanOrEqual(least.deeper);
      expect(kills).toBeGreaterThanOrEqual(least.kills);
    });
  });
}
