/** Isamite as three stores: by its classic call, by its typed API, and below both. */
import type { OpenedStore, OpenOptions, RecordOf, Store } from './store.js';

/** What `peer-adapter.mjs` gives to others' harnesses, too. */
interface Adapter {
  /** Its update reads the record; the others want it to be the last one read. */
  readonly findsToUpdate?: boolean;
  txn(work: () => void): void;
  insert(record: Buffer, id: number, name: string): void;
  getById(id: number): unknown;
  getBySk(name: string): unknown;
  update(id: number, record: Buffer): void;
  updateSk(id: number, record: Buffer, before: string, after: string): void;
  delete(id: number): void;
  scanById(from: number, limit: number, visit: (found: unknown) => void): number;
  scanBySk(limit: number, visit: (found: unknown) => void): number;
  step(visit: (found: unknown) => void): number;
  bulkLoad?(order: Uint32Array, data: { rec: RecordOf }, idOf: (index: number) => number): void;
  toRecord(found: unknown): Buffer;
  close(): Promise<void>;
}

interface AdapterModule {
  readonly meta: { readonly version: string; readonly config: string };
  readonly open: (directory: string, options: OpenOptions) => Promise<Adapter>;
}

/** By name of the store, the way it is called. */
export const OWN = Object.freeze({
  CLASSIC: 'isamite',
  TYPED: 'isamite-typed',
  ENGINE: 'isamite-engine',
});

function opened(store: Adapter): OpenedStore {
  const find = store.findsToUpdate === true ? () => undefined : (id: number) => store.getById(id);
  return {
    txn: (work) => store.txn(work),
    insert: (record, id, name) => store.insert(record, id, name),
    getById: (id) => store.getById(id),
    getByName: (name) => store.getBySk(name),
    update(id, record) {
      find(id);
      store.update(id, record);
    },
    rename(id, record, before, after) {
      find(id);
      store.updateSk(id, record, before, after);
    },
    delete: (id) => store.delete(id),
    scanById: (from, limit, visit) => store.scanById(from, limit, visit),
    scanByName: (limit, visit) => store.scanBySk(limit, visit),
    step: (visit) => store.step(visit),
    ...('bulkLoad' in store && {
      bulkLoad: (order: Uint32Array, rec: RecordOf, idOf: (index: number) => number) =>
        store.bulkLoad?.(order, { rec }, idOf),
    }),
    toRecord: (found) => store.toRecord(found),
    close: () => store.close(),
  };
}

async function own(name: string, module: string): Promise<Store> {
  const { href } = new URL(`../${module}.mjs`, import.meta.url);
  const { meta, open } = (await import(href)) as AdapterModule;
  return {
    name,
    about: `isamite ${meta.version}; ${meta.config}`,
    open: async (directory, options) => opened(await open(directory, options)),
  };
}

export const ownClassic = (): Promise<Store> => own(OWN.CLASSIC, 'own-classic');
export const ownTyped = (): Promise<Store> => own(OWN.TYPED, 'own-typed');
export const ownEngine = (): Promise<Store> => own(OWN.ENGINE, 'own-engine');
