/** The stores by name. A peer that is not installed, or that does not work here, is told apart by failing to load. */
import { BARE, bare } from './bare.js';
import { classicLevel } from './classic-level.js';
import { plainLmdb, tunedLmdb } from './lmdb.js';
import { OWN, ownClassic, ownEngine, ownTyped } from './own.js';
import { rocksdb } from './rocksdb.js';
import { betterSqlite, tunedSqlite } from './sqlite.js';
import type { Soon, Store } from './store.js';

const PEER: Readonly<Record<string, () => Store>> = {
  'better-sqlite3': betterSqlite,
  'better-sqlite3-tuned': tunedSqlite,
  lmdb: plainLmdb,
  'lmdb-tuned': tunedLmdb,
  'classic-level': classicLevel,
  rocksdb,
};

const STORES: Readonly<Record<string, () => Soon<Store>>> = {
  ...PEER,
  [OWN.CLASSIC]: ownClassic,
  [OWN.TYPED]: ownTyped,
  [OWN.ENGINE]: ownEngine,
  [BARE]: bare,
};

/** Throws if there is none, or what keeps it from working here. */
export async function storeOf(name: string): Promise<Store> {
  const make = STORES[name];
  if (make === undefined) throw new Error(`there is no store ${name}`);
  return await make();
}

export function findPeers(): { peers: Store[]; missing: string[] } {
  const peers: Store[] = [];
  const missing: string[] = [];
  for (const [name, make] of Object.entries(PEER)) {
    try {
      peers.push(make());
    } catch {
      missing.push(name);
    }
  }
  return { peers, missing };
}
