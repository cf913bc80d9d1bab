/** A simulated disk with an engine root and files on it, for tests of the log and of what is around it. */
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  zstring,
  type Client,
  type FileOf,
  type Settings,
} from '../../src/index.js';
import type { EventRecord, Ports } from '../../src/microkernel/ports.js';
import { AssertingFileSystem } from './asserting-files.js';
import { memoryPorts } from './memory-view.js';
import { SimFileSystem } from './sim-files.js';

export const Line = defineRecord({ n: integer(4), text: zstring(60) }, { keys: { byN: key('n') } });

export interface LogWorld {
  readonly disk: SimFileSystem;
  readonly ports: Ports;
  readonly events: EventRecord[];
}

export function worldOf(disk: SimFileSystem): LogWorld {
  const events: EventRecord[] = [];
  const ports: Ports = {
    ...memoryPorts(1),
    files: new AssertingFileSystem(disk),
    events: { write: (event) => void events.push(event) },
  };
  return { disk, ports, events };
}

export function newLogWorld(): LogWorld {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  return worldOf(disk);
}

export const ROOT = '/d/root';

/** `seed`: of the random bytes; roots of their own need ones of their own. */
export function startEngine(
  world: LogWorld,
  settings: Partial<Settings> = {},
  { root = ROOT, seed = 1 } = {},
): MicroKernel {
  const { random } = memoryPorts(seed);
  return MicroKernel.start({ root, ports: { ...world.ports, random }, settings });
}

/** The disk of a machine whose process was killed; what ran on the old one goes. */
export function kill(world: LogWorld, ...engines: readonly MicroKernel[]): LogWorld {
  const disk = world.disk.crashPoint().imageWith(() => true);
  for (const engine of engines) engine.stopQuietly();
  return worldOf(disk);
}

export function makeFile(client: Client, path: string, options = {}): FileOf<typeof Line> {
  client.createFile(path, Line, options);
  return client.openFile(path, Line);
}

/** Inserts records, in a transaction: so a killed process does not lose them. */
export function add(client: Client, file: FileOf<typeof Line>, from: number, to = from): void {
  client.transaction(() => {
    for (let n = from; n <= to; n++) file.insert({ n, text: `line ${n}` });
  });
}

/** The numbers in a file. */
export function numbersIn(client: Client, path: string, owner = ''): number[] {
  const file = client.openFile(path, Line, { owner });
  const numbers = [...file.scan('byN')].map(({ n }) => n);
  file.close();
  return numbers;
}

export function copyOf({ disk }: LogWorld, path: string): Uint8Array {
  const handle = disk.open(path, 'read');
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes;
}

export function putBack({ disk }: LogWorld, path: string, bytes: Uint8Array): void {
  if (disk.exists(path)) disk.remove(path);
  const handle = disk.open(path, 'create');
  handle.write(bytes, 0, bytes.length, 0);
  handle.sync();
  handle.close();
  disk.syncDirectory('/d');
}
