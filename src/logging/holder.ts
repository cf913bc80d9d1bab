/** Who has changes of a file that are in a log only: what the file says of it, in its control record. */
import type { ControlRecord } from '../microkernel/fcr.js';

/** Nobody's log: of a file whose changes are not logged. */
export const NO_LOG = new Uint8Array(16);

/** Whether a log has to say something about a file in this state. */
export function isHeldBy({ holder }: ControlRecord, log: Uint8Array): boolean {
  return holder !== undefined && Buffer.compare(holder.log, log) === 0;
}
