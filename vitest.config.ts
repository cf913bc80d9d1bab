import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They take minutes each: begun last, one of them would be waited for by all but one processor. */
const LONGEST = /(^|[/-])crash\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((each) => !isLong(each))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Only the crash tier computes for long; a slow machine must never fail a test by the clock.
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Of the processors one would be left free, which is half of two.
    maxWorkers: '100%',
    // There is a worker for every processor: helpers of the collector would only be in each other's way.
    execArgv: ['--single-threaded-gc', '--max-semi-space-size=64'],
    // Compiled by the tests themselves (test/support/compiled-tree.ts).
    server: { deps: { external: [/[\\/]\.results[\\/]labs[\\/]/] } },
    sequence: { sequencer: LongestFirst },
    reporters: ['default', ['json', { outputFile: '.results/vitest.json' }]],
  },
});
