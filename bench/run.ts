/** `npm run bench`: every goal that has a figure, and the figure. Takes about a minute. */
import { Lab } from '../test/crash/lab.js';
import { SCENARIOS } from '../test/crash/scenarios.js';
import { pageMemoryBenchmarks } from './page-memory.js';
import { format, meets, type Row } from './measure.js';
import { originalBenchmarks } from './originals.js';
import { pageBenchmarks } from './pages.js';

function enumerator(): Row {
  let states = 0;
  let milliseconds = 0;
  for (const scenario of SCENARIOS) {
    const tally = new Lab(scenario, { seed: 1, limit: 3000, deeperOneIn: 50 }).run();
    states += tally.states;
    milliseconds += tally.milliseconds;
  }
  const value = (states / milliseconds) * 1000;
  const note = `${states} distinct states, each opened, compared, checked, changed and closed`;
  return { name: 'crash states on one core', value, unit: '/s', goal: ['>=', 5000], note };
}

const rows = [...pageMemoryBenchmarks(), ...pageBenchmarks(), ...originalBenchmarks()];
if (!process.argv.includes('--pages')) rows.push(enumerator());
console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
for (const row of rows) console.log(format(row));
const missed = rows.filter((row) => !meets(row)).length;
console.log(missed === 0 ? 'All goals met.' : `${missed} of ${rows.length} goals missed.`);
