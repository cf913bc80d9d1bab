/**
 * Loads every module of the command line before it begins: with Ctrl-C the process that translates them ends as
 * well, and what is loaded only then could not be translated any more.
 */
import { readdirSync } from 'node:fs';

const BIN = new URL('../../../bin/', import.meta.url);
/** They begin to work when they are loaded. */
const PROGRAMS = ['butil.ts', 'isamited.ts'];

for (const folder of ['', 'commands/']) {
  const names = readdirSync(new URL(folder, BIN)).filter((name) => name.endsWith('.ts'));
  for (const name of names) {
    if (!PROGRAMS.includes(name)) await import(new URL(`${folder}${name}`, BIN).href);
  }
}
