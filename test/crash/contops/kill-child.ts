/**
 * A process with an engine that puts its files into continuous operation and takes them out again, and works in
 * them all the time, until it is killed. Prints each transaction once it has been answered.
 *
 *     node --import tsx test/crash/contops/kill-child.ts <directory> <seed> <first>
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { MicroKernel } from '../../../src/index.js';
import { FILES, Item, settingsOf } from '../log/kill-files.js';
import { randomFrom } from '../world.js';

const [directory = '', seed = '1', first = '0'] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const engine = MicroKernel.start({ root: join(directory, 'root'), settings: settingsOf('small') });
const client = engine.client();
const paths = FILES.map((name) => join(directory, name));
const files = paths.map((path) => client.openFile(path, Item));
writeSync(1, 'ready\n');

let serial = Number(first);

function work(transactions: number): void {
  for (let n = 0; n < transactions; n++, serial++) {
    const text = 'x'.repeat(Math.floor(random() * 300));
    client.transaction(() => {
      for (const file of files) file.insert({ serial, group: serial % 7, text });
    });
    writeSync(1, `t ${serial}\n`);
  }
}

for (;;) {
  const isIn = engine.continuous().length > 0;
  if (!isIn) engine.startContinuous(paths);
  work(Math.floor(random() * 30));
  const steps = engine.endingContinuous('all');
  while (steps.next().done !== true) work(1);
  work(Math.floor(random() * 10));
}
