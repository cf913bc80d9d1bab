/** A data file on a simulated disk of its own, as pages: for tests of what lies above pages. */
import { PageCache } from '../../src/microkernel/page-cache.js';
import { PageFile } from '../../src/microkernel/page-file.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { randomFrom } from '../crash/world.js';
import { AssertingFileSystem } from './asserting-files.js';
import { SimFileSystem } from './sim-files.js';

interface MemoryFile {
  readonly ports: Ports;
  readonly cache: PageCache;
  readonly path: string;
  open(): PageFile;
}

const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/root' };

export function memoryPorts(seed: number): Ports {
  const random = randomFrom(seed);
  let time = 0;
  const disk = new SimFileSystem({ seed, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  return {
    files: new AssertingFileSystem(disk),
    clock: { now: () => time, monotonic: () => (time += 0.05) },
    random: {
      fill: (into) => {
        for (let at = 0; at < into.length; at++) into[at] = random() * 256;
      },
    },
    events: { write: () => undefined },
  };
}

export function memoryFile(pageSize: number, cacheSize: number, seed = 1): MemoryFile {
  const ports = memoryPorts(seed);
  const path = '/d/a.dat';
  PageFile.create(ports, path, { pageSize });
  const cache = new PageCache({ size: cacheSize, poison: true });
  return {
    ports,
    cache,
    path,
    open: () => PageFile.open(ports, cache, path, { mode: 'write', holder: HOLDER }),
  };
}
