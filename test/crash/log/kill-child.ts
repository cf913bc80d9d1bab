/**
 * A process with an engine, several files and clients, that works until it is killed, and prints each
 * commit once it has been answered. Each line goes to the system before the next operation begins.
 *
 *     <directory> <seed> <mode> <first>
 *
 * Records have a serial number; transaction n puts it into every file, an operation by itself into one.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { MicroKernel } from '../../../src/index.js';
import { randomFrom } from '../world.js';
import { ALONE, FILES, Item, settingsOf, type KillMode } from './kill-files.js';

const [directory = '', seed = '1', mode = 'logging', first = '0'] = process.argv.slice(2);
const random = randomFrom(Number(seed));

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

say('begin');
const settings = settingsOf(mode as KillMode);
const engine = MicroKernel.start({ root: join(directory, 'root'), settings });
const clients = [engine.client({ name: 'one' }), engine.client({ name: 'two' })] as const;
const files = clients.map((client) =>
  FILES.map((name) => client.openFile(join(directory, name), Item)),
);
say('ready');

function itemOf(serial: number, group = serial % 7) {
  const size = random() < 0.05 ? 4000 : Math.floor(random() * 200);
  return { serial, group, text: 'x'.repeat(size) };
}

for (let serial = Number(first); ; serial++) {
  const which = serial % 2;
  const client = clients[which] ?? clients[0];
  const own = files[which] ?? [];
  const chance = random();
  if (chance < 0.6) {
    client.transaction(() => {
      for (const file of own) file.insert(itemOf(serial));
      // What is changed at the same time must be changed everywhere.
      if (serial % 3 === 0) for (const file of own) file.update('bySerial', serial, { group: 100 });
    });
    say(`t ${serial}`);
  } else if (chance < 0.7) {
    client.beginTransaction();
    for (const file of own) file.insert(itemOf(serial));
    client.abortTransaction();
    say(`a ${serial}`);
  } else {
    own[serial % own.length]?.insert(itemOf(serial, ALONE));
    say(`o ${serial}`);
  }
}
