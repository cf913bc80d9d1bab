/** An engine that serves clients over a real socket, on a directory of its own or on a disk in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MicroKernel } from '../../src/engine.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { connect } from '../../src/requester/connect.js';
import type { RemoteClient } from '../../src/requester/remote-client.js';
import type { Settings } from '../../src/settings.js';

export interface ServedRoot {
  readonly root: string;
  readonly engine: MicroKernel;
  connect(name?: string): Promise<RemoteClient>;
  /** Ends clients and engine, and removes the directory. */
  end(): Promise<void>;
}

export function serveRoot(settings: Partial<Settings> = {}, ports?: Ports): ServedRoot {
  const root = mkdtempSync(join(tmpdir(), 'isamite-'));
  const given = ports === undefined ? {} : { ports };
  const engine = MicroKernel.start({
    ...{ root, settings: { requester: true, ...settings } },
    ...given,
  });
  if (!engine.waitForRequester(10_000)) throw new Error('the requester did not start');
  const clients: RemoteClient[] = [];
  return {
    root,
    engine,
    connect: async (name = 'test') => {
      const client = await connect({ root, name });
      clients.push(client);
      return client;
    },
    end: async () => {
      for (const client of clients) await client.close();
      engine.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
