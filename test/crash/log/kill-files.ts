/** What the process that is killed and the one that kills it both know. */
import { defineRecord, integer, key, variable, type Settings } from '../../../src/index.js';

/** Group of a record that was inserted outside of a transaction, into one file. */
export const ALONE = 300;

export const FILES = ['a.dat', 'b.dat', 'c.dat'];

export const Item = defineRecord(
  { serial: integer(4), group: integer(4), text: variable.text() },
  {
    keys: {
      bySerial: key('serial'),
      byGroup: key('group', { duplicates: true, modifiable: true }),
    },
  },
);

export type KillMode = 'logging' | 'durable' | 'small';

/** Small limits, so that system transactions and new segments fall into the time there is. */
export function settingsOf(mode: KillMode): Partial<Settings> {
  return {
    transactionDurability: mode === 'durable',
    operationBundleLimit: mode === 'small' ? 20 : 500,
    transactionLogSize: mode === 'small' ? 65_536 : 1_048_576,
    initiationTimeLimitMs: 50,
  };
}
