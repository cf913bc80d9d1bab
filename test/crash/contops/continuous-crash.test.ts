/** The ci tier of the crash states of continuous operation. */
import { testCrashStates } from '../log/log-suite.js';

await testCrashStates({
  title: 'continuous operation survives every crash',
  scenarios: ['test/crash/contops/continuous-scenarios.ts', 'CONTINUOUS_SCENARIOS'],
  limit: 530,
  least: { states: 50_000, deeper: 25_000, kills: 2_000 },
});
