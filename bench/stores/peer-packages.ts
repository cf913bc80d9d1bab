/** Loading the peers, which are in `bench/node_modules` or are not there. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const loadPeer = createRequire(import.meta.url);

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));

export function versionOf(name: string): string {
  const text = readFileSync(join(MODULES, name, 'package.json'), 'utf8');
  return `${name} ${(JSON.parse(text) as { version: string }).version}`;
}
