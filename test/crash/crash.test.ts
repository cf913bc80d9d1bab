/** The ci tier of the crash states; `npm run test:crash` prints the same table. */
import { afterAll, expect, test } from 'vitest';
import { CompiledLab } from '../support/compiled-tree.js';
import type * as Tiers from './tiers.js';

const lab = new CompiledLab();
const { runTier } = (await lab.load('test/crash/tiers.ts')) as typeof Tiers;

afterAll(() => lab.remove());

test('every crash state of every scenario is come back from', () => {
  const seed = Number(process.env['SEED'] ?? 1);
  const lines: string[] = [];
  const tally = runTier({ tier: 'ci', seed, print: (line) => lines.push(line) });
  console.log(lines.join('\n'));
  expect(tally.states).toBeGreaterThanOrEqual(100_000);
});
