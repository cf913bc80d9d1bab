/**
 * A process with some engines, each of which puts its files into continuous operation and takes them out again, and
 * works in them all the time, until it is killed. So one kill meets several engines, each somewhere else.
 *
 *     <seed> <first> <directory> ...
 *
 * Prints `t <directory> <serial>` for each transaction once it was answered, and `p <directory> <phase>` when
 * one begins: `start`, `inside`, `end`, `outside`.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { MicroKernel } from '../../../src/index.js';
import { FILES, Item, settingsOf } from '../log/kill-files.js';
import { randomFrom } from '../world.js';

const [seed = '1', first = '0', ...directories] = process.argv.slice(2);
const random = randomFrom(Number(seed));

/** One engine, a step at each `next`. */
function* life(directory: string, number: number): Generator<undefined, void, void> {
  const engine = MicroKernel.start({
    root: join(directory, 'root'),
    settings: settingsOf('small'),
  });
  const client = engine.client();
  const paths = FILES.map((name) => join(directory, name));
  const files = paths.map((path) => client.openFile(path, Item));
  const enter = (phase: string): void => {
    writeSync(1, `p ${number} ${phase}\n`);
  };
  let serial = Number(first);
  const transact = (): void => {
    const text = 'x'.repeat(Math.floor(random() * 300));
    client.transaction(() => {
      for (const file of files) file.insert({ serial, group: serial % 7, text });
    });
    writeSync(1, `t ${number} ${serial++}\n`);
  };
  for (;;) {
    yield;
    enter('start');
    if (engine.continuous().length === 0) engine.startContinuous(paths);
    enter('inside');
    for (let n = Math.floor(random() * 30); n > 0; n--) {
      transact();
      yield;
    }
    enter('end');
    const steps = engine.endingContinuous('all');
    while (steps.next().done !== true) {
      transact();
      yield;
    }
    enter('outside');
    for (let n = Math.floor(random() * 10); n > 0; n--) {
      transact();
      yield;
    }
  }
}

const lives = directories.map(life);
for (const each of lives) each.next();
writeSync(1, 'ready\n');
for (;;) lives[Math.floor(random() * lives.length)]?.next();
