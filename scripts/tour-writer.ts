/**
 * The tour's writer, a program of its own: stores a customer and an entry in one transaction, again and again, and
 * says of each when it was done, until it is killed. Never yields but between batches.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MicroKernel } from '../src/index.js';
import { Customer, customer, Entry, entry } from './tour-file.js';

const BATCH = 20;
const PAUSE = 5;

const [root, customersPath, entriesPath] = process.argv.slice(2);
if (root === undefined || customersPath === undefined || entriesPath === undefined) {
  throw new Error('usage: tour-writer <root> <customers> <entries>');
}
const engine = MicroKernel.start({ root });
const client = engine.client({ name: 'writer' });
const customers = client.openFile(customersPath, Customer);
const entries = client.openFile(entriesPath, Entry);
for (;;) {
  for (let n = 0; n < BATCH; n++) {
    const id = customers.count + 1;
    client.transaction(() => {
      customers.insert(customer(id));
      entries.insert(entry(id));
    });
    // Straight to the pipe: a promise must not wait in a buffer of this process.
    writeSync(1, `${id} ${Date.now()}\n`);
  }
  await sleep(PAUSE);
}
