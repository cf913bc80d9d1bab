/** The tour's writer: adds numbers for ever and says how many are on disk, until it is killed. */
import { writeSync } from 'node:fs';
import { NumberFile } from './tour-file.js';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: tour-writer <file>');
const file = new NumberFile(path, 'write');
for (;;) {
  file.append(7);
  file.complete();
  // Straight to the pipe: a promise must not wait in a buffer of this process.
  writeSync(1, `${file.count}\n`);
}
