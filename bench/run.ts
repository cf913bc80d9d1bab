/**
 * `npm run bench`: every goal that has a figure, and the figure. Takes about a quarter of an hour; `scale` alone makes ten million records.
 *
 *     npm run bench                                     all parts
 *     npm run bench -- butil stores                     these
 *     npm run bench -- stores --records 1000000 --rounds 3
 *
 * The parts are listed below; `report.ts` says what a module does to be one.
 */
import { parseArgs } from 'node:util';
import { Lab } from '../test/crash/lab.js';
import { SCENARIOS } from '../test/crash/scenarios.js';
import { archiveBenchmarks } from './archive.js';
import { butilPart } from './butil.js';
import { continuousBenchmarks } from './continuous.js';
import { format, meets, type Row } from './measure.js';
import { originalBenchmarks } from './originals.js';
import { pageMemoryBenchmarks } from './page-memory.js';
import { pageBenchmarks } from './pages.js';
import { part, type Part } from './report.js';
import { recordObjectBenchmarks } from './record-objects.js';
import { requesterBenchmarks } from './requester.js';
import { scaleBenchmarks } from './scale.js';
import { sideBySide } from './side-by-side.js';
import { transactionBenchmarks } from './transactions.js';

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

const PARTS: readonly Part[] = [
  part('memory', () => [...pageMemoryBenchmarks(), ...recordObjectBenchmarks()]),
  part('pages', pageBenchmarks),
  part('originals', originalBenchmarks),
  part('crash', () => [enumerator()]),
  part('transactions', transactionBenchmarks),
  part('archive', archiveBenchmarks),
  part('continuous', continuousBenchmarks),
  part('requester', requesterBenchmarks),
  part('scale', scaleBenchmarks),
  butilPart,
  sideBySide,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
  },
});
const options = { records: Number(values.records), rounds: Number(values.rounds) };
const wanted = PARTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (!(options.records >= 1000 && options.rounds >= 1) || wanted.length === 0) {
  const names = PARTS.map(({ name }) => name).join(' ');
  console.error(`Usage: npm run bench -- [${names}] [--records 1000 or more] [--rounds 1 or more]`);
  process.exit(3);
}
console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
let [all, missed] = [0, 0];
for (const each of wanted) {
  const rows = await each.run(options);
  for (const row of rows) console.log(format(row));
  all += rows.filter(({ goal }) => goal !== undefined).length;
  missed += rows.filter((row) => !meets(row)).length;
}
console.log(missed === 0 ? `All ${all} goals met.` : `${missed} of ${all} goals missed.`);
