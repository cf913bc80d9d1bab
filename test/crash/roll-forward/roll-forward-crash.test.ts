/**
 * The ci tier of the crash states of roll-forward. Of the environment: `SEED`, `LIMIT` (states of one life),
 * `LIVES`.
 */
import { expect, test } from 'vitest';
import { RollForwardLab } from './roll-forward-lab.js';

const SEED = Number(process.env['SEED'] ?? 1);
const LIVES = Number(process.env['LIVES'] ?? 6);
const LIMIT = Number(process.env['LIMIT'] ?? 2400);

test('a roll-forward that was interrupted is done by another one', () => {
  const total = { states: 0, deeper: 0, run: 0 };
  for (let life = 0; life < LIVES; life++) {
    const { states, deeper, run } = new RollForwardLab(SEED + life, LIMIT).run();
    total.states += states;
    total.deeper += deeper;
    total.run += run;
  }
  console.log(
    `${total.states} states, ${total.deeper} of them in further runs, ${total.run} run, seeds from ${SEED}`,
  );
  expect(total.states).toBeGreaterThanOrEqual(0.5 * LIVES * LIMIT);
}, 600_000);
