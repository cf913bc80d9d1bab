/** What clients in other processes can ask an engine to do with whole files. */
import type { MicroKernel } from '../engine.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { AdministrationArguments } from '../requester/administration.js';
import { readAllPages } from './cached-pages.js';
import { fileStatistics } from './stat-report.js';
import type { Task } from './task.js';

interface FileArguments {
  readonly file: string;
  readonly owner: string;
}

/** Throws 160 for other arguments. */
function fileArguments({ file, owner = '' }: AdministrationArguments): FileArguments {
  if (typeof file === 'string' && typeof owner === 'string') return { file, owner };
  const message = 'this needs the path of a file';
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, { reason: 'arguments' });
}

/** Adds `fileStatistics` and `cache`, each of one file. */
export function addMaintenance(engine: MicroKernel): void {
  const withClient = <R>(work: (client: ReturnType<MicroKernel['client']>) => R): R => {
    const client = engine.client({ name: 'maintenance' });
    try {
      return work(client);
    } finally {
      client.close();
    }
  };
  engine.addAdministration('fileStatistics', (args) => {
    const { file, owner } = fileArguments(args);
    return withClient((client) => fileStatistics(client, file, owner));
  });
  engine.addAdministration('cache', (args) => {
    const { file, owner } = fileArguments(args);
    return cacheSteps(engine, file, owner);
  });
}

/** In steps, between which others are served. */
function* cacheSteps(
  engine: MicroKernel,
  file: string,
  owner: string,
): Task<{ pages: number; bytes: number }> {
  const client = engine.client({ name: 'maintenance' });
  try {
    return yield* readAllPages(client, file, { owner });
  } finally {
    client.close();
  }
}
