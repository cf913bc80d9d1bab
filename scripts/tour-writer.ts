/** The tour's writer: stores customers for ever and says how many are on disk, until it is killed. */
import { writeSync } from 'node:fs';
import { customer, openCustomers } from './tour-file.js';

const BATCH = 25;

const [root, path] = process.argv.slice(2);
if (root === undefined || path === undefined) throw new Error('usage: tour-writer <root> <file>');
const { file } = openCustomers(root, path);
for (;;) {
  for (let n = 0; n < BATCH; n++) file.insert(customer(file.count + 1));
  file.flush();
  // Straight to the pipe: a promise must not wait in a buffer of this process.
  writeSync(1, `${file.count}\n`);
}
