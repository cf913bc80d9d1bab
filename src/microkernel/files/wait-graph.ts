/**
 * Which client waits for which other: deadlocks are found when they come about, not by a timer.
 *
 * A client waits from the call that met a lock until its next call, or until it is told that it need
 * not any more. It waits for one client at a time, so the graph is a set of chains, and a deadlock is a
 * chain that comes back to where it began.
 */
export class WaitGraph {
  readonly #waitsFor = new Map<object, object>();
  /** Told of each client that need not wait any more for the one that it waited for. */
  onFreed: ((client: object) => void) | undefined;

  /** A client waits for another one. False if that one waits for it, by whatever way: a deadlock. */
  wait(client: object, blocker: object): boolean {
    for (let each: object | undefined = blocker; each !== undefined;) {
      if (each === client) return false;
      each = this.#waitsFor.get(each);
    }
    this.#waitsFor.set(client, blocker);
    return true;
  }

  /** The client waits no more. */
  stop(client: object): void {
    if (this.#waitsFor.size > 0) this.#waitsFor.delete(client);
  }

  /** Nobody has to wait for this client any more, as it has let go of something. */
  freed(client: object): void {
    if (this.#waitsFor.size === 0) return;
    for (const [waiting, blocker] of this.#waitsFor) {
      if (blocker !== client) continue;
      this.#waitsFor.delete(waiting);
      this.onFreed?.(waiting);
    }
  }
}
