import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Only the crash tier computes for long; a slow machine must never fail a test by the clock.
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Of the processors one would be left free, which is half of two.
    maxWorkers: '100%',
    reporters: ['default', ['json', { outputFile: '.results/vitest.json' }]],
  },
});
