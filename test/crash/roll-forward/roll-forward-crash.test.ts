/**
 * The ci tier of the crash states of roll-forward. Of the environment: `SEED`, `LIMIT` (states of one life),
 * `LIVES`.
 */
import { afterAll, expect, test } from 'vitest';
import { CompiledLab } from '../../support/compiled-tree.js';
import type * as Lab from './roll-forward-lab.js';

const lab = new CompiledLab();
const { RollForwardLab } = (await lab.load(
  'test/crash/roll-forward/roll-forward-lab.ts',
)) as typeof Lab;

afterAll(() => lab.remove());

const SEED = Number(process.env['SEED'] ?? 1);
const LIVES = Number(process.env['LIVES'] ?? 8);
const LIMIT = Number(process.env['LIMIT'] ?? 1400);

const total = { states: 0, deeper: 0, run: 0 };

afterAll(() => {
  const { states, deeper, run } = total;
  console.log(
    `${states} crash states, all distinct on disk (${run} recoveries run), ${deeper} in further runs, seeds from ${SEED}`,
  );
});

test.each(Array.from({ length: LIVES }, (_, life) => SEED + life))(
  'a roll-forward that was interrupted is done by another one, seed %i',
  (seed) => {
    const { states, deeper, run } = new RollForwardLab(seed, LIMIT).run();
    total.states += states;
    total.deeper += deeper;
    total.run += run;
    expect(states).toBeGreaterThan(0);
  },
);

test('so many states were looked at', () => {
  const isWhole = ['SEED', 'LIVES', 'LIMIT'].every((name) => process.env[name] === undefined);
  // Other lives may be shorter.
  expect(total.states).toBeGreaterThanOrEqual(isWhole ? 11_000 : 0.8 * LIVES * LIMIT);
});
