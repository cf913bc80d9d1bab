/**
 * A disk that is full when an operation comes to it, or gets full in the middle of it, and has room
 * again later.
 *
 * Demanded: status 18 and no other; the operation is done or it is not, in memory and after a power
 * cut; and with room again the same process goes on where it was.
 */
import { BtrieveError, Status } from '../../../src/microkernel/status.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { comeBack, PATH, Player, prepare } from './record-lab.js';
import type { PathModel } from './record-model.js';
import { OPERATIONS, type OperationScript } from './record-operations.js';
import { RecordWorld, type Session } from './record-world.js';

export interface FullOptions {
  readonly seed: number;
  /** Only cases whose name begins with this. */
  readonly only?: string;
  readonly print: (line: string) => void;
  /** Called before so many cases. */
  readonly strikes?: (count: number) => void;
}

export interface FullCounts {
  cases: number;
  /** In so many the disk got full. */
  full: number;
  /** In so many it was the operation itself that found no room. */
  refused: number;
}

/** Pages that there is still room for. */
const ROOM = [0, 3, 9];
/** Records inserted at the most until there is no room: many times what ROOM takes. */
const MOST = 300;

/** Runs all cases; throws at the first that goes wrong. */
export function runFull({ seed, only = '', print, strikes }: FullOptions): FullCounts {
  const counts = { cases: 0, full: 0, refused: 0 };
  for (const script of OPERATIONS) {
    const { operation, name } = script;
    if (operation === undefined) continue;
    if (!`${name}/`.startsWith(only) && !only.startsWith(`${name}/`)) continue;
    const begin = prepare(script, seed);
    for (const room of ROOM) {
      for (const order of ['first', 'last'] as const) {
        const text = `${name}/room for ${room}, ${order}`;
        if (!text.startsWith(only)) continue;
        strikes?.(1);
        try {
          new FullCase(script, seed, begin.disk, begin.models).run(operation, room, order, counts);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new Error(`${text} (SEED=${seed}): ${why}`, { cause: error });
        }
      }
    }
  }
  const { cases, full, refused } = counts;
  print(`full disks, seed ${seed}: ${cases} cases, ${full} full, ${refused} operations refused`);
  return counts;
}

/** One operation on a disk with so much room. */
class FullCase {
  readonly #script: OperationScript;
  readonly #seed: number;
  readonly #disk: SimFileSystem;
  readonly #player: Player;
  #wasFull = false;

  constructor(
    script: OperationScript,
    seed: number,
    disk: SimFileSystem,
    models: ReadonlyMap<string, PathModel>,
  ) {
    this.#script = script;
    this.#seed = seed;
    this.#disk = disk.crashImage({ keep: 'all' });
    const options = { seed: seed + 1, ...script.options, first: this.#disk.steps };
    const settled = [...models].map(([path, model]) => [path, model.settled()] as const);
    this.#player = new Player(new RecordWorld(this.#disk, options), new Map(settled));
  }

  run(
    operation: (session: Session) => void,
    room: number,
    order: 'first' | 'last',
    counts: FullCounts,
  ): void {
    counts.cases++;
    const { world } = this.#player;
    const session = this.#player.open();
    const { pageSize } = session.state.form.definition;
    this.#disk.capacity = this.#disk.snapshotFile(PATH).length + room * pageSize;
    if (order === 'last') this.#fill(session);
    const before = session.state;
    const isDone = this.#tries(session, () => operation(session));
    if (order === 'first') this.#fill(session);
    session.chooseState();
    session.verify();
    if (!isDone) counts.refused++;
    if (this.#wasFull) counts.full++;
    this.#lookAtDisk();
    this.#disk.capacity = undefined;
    session.complete();
    if (!isDone && (session.state === before || session.interrupted !== undefined)) {
      operation(session);
    }
    session.verify();
    session.insert();
    session.close();
    world.files.assertNothingOpen();
    this.#lookAtDisk();
  }

  /** Whether there was room for it. */
  #tries(session: Session, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof BtrieveError) || error.status !== Status.DISKFULL) throw error;
      this.#wasFull = true;
      session.chooseState();
      session.verify();
      return false;
    }
  }

  #fill(session: Session): void {
    for (let n = 0; n < MOST; n++) {
      if (!this.#tries(session, () => session.insert())) return;
      if (!this.#tries(session, () => session.complete())) return;
    }
    throw new Error('the disk did not get full');
  }

  /** What a power cut would leave now is in order, once there is room. */
  #lookAtDisk(): void {
    const { models } = this.#player;
    const now = this.#disk.steps;
    for (const disk of [this.#disk.powerCut(), this.#disk.processDeath()]) {
      disk.capacity = undefined;
      comeBack(disk, models, now, { seed: this.#seed + 1000, ...this.#script.options });
    }
  }
}
