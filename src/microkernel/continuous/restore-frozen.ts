/**
 * Takes back what was rolled into a frozen file, when that was interrupted and the delta is to be given up:
 * afterwards nothing in it is newer than the frozen generation.
 */
import { readFully, writeFully } from '../disk-error.js';
import { encodeFcr } from '../fcr.js';
import { FCR } from '../layout.js';
import { PageDevice } from '../page-device.js';
import { choosePat, retiredPat } from '../page-table.js';
import { FCR_PAGES, PatGeometry } from '../pat.js';
import type { FileHandle } from '../ports.js';
import type { FrozenState } from './delta-file.js';

/** Durable when it returns; can be done again. Throws `DiskError`. */
export function restoreFrozen(data: FileHandle, { control, slot }: FrozenState): void {
  const { pageSize, pageSeed, generation, regions } = control;
  const geometry = PatGeometry.of(pageSize);
  const device = new PageDevice(data, pageSize, pageSeed);
  const pair = new Uint8Array(2 * pageSize);
  const view = new DataView(pair.buffer);
  // First the FCR: without it the PAT copies are leftovers, which nobody reads.
  const bytes = new Uint8Array(FCR.size);
  const record = { ...control, durableSlot: slot, baseSlot: slot };
  for (let other = 0; other < FCR_PAGES; other++) {
    if (other === slot || other === control.durableSlot) continue;
    encodeFcr(record, other, bytes);
    writeFully(data, bytes, 0, bytes.length, other * pageSize);
  }
  data.sync();
  for (let patNumber = 0; patNumber < 2 * regions; patNumber++) {
    const at = geometry.patPage(patNumber, 0) * pageSize;
    readFully(data, pair, 0, pair.length, at);
    const { copy, problems } = choosePat(device, patNumber, generation, pair, view);
    if (copy < 0 || problems[1 - copy]?.reason !== 'generation') continue;
    writeFully(
      data,
      retiredPat(pageSize, pageSeed, patNumber),
      0,
      pageSize,
      at + (1 - copy) * pageSize,
    );
  }
  data.truncate(control.physicalPages * pageSize);
  data.sync();
}
