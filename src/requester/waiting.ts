/**
 * Calls that have met a lock and wait for it, in the order in which they came.
 *
 * Owns: whose turn it is, and how long each may wait. Nobody is asked by a timer: a call is tried again
 * when the client that was in its way has let go of something.
 *
 * Invariant: whoever waits is tried before everybody who came later, and before every call that comes now.
 */

/** A call that waits. */
export interface Waiting {
  /** Who waits, as the graph of waiting clients knows it. */
  readonly client: object;
}

interface Place<W extends Waiting> {
  readonly call: W;
  /** Of the monotonic clock, in milliseconds. */
  readonly deadline: number;
  isReady: boolean;
}

export class WaitingRoom<W extends Waiting> {
  /** In the order in which they came: a map keeps it. */
  readonly #places = new Map<object, Place<W>>();
  #hasReady = false;

  get size(): number {
    return this.#places.size;
  }

  /** A call begins to wait. One of a client at a time. */
  enter(call: W, deadline: number): void {
    this.#places.set(call.client, { call, deadline, isReady: false });
  }

  /** It does not wait any more. */
  leave(client: object): void {
    this.#places.delete(client);
  }

  has(client: object): boolean {
    return this.#places.has(client);
  }

  /** What was in the way of a client may have gone. True if it waits here. */
  freed(client: object): boolean {
    const place = this.#places.get(client);
    if (place === undefined) return false;
    place.isReady = true;
    this.#hasReady = true;
    return true;
  }

  /** The first that can be tried again; it keeps its place until it leaves. */
  next(): W | undefined {
    if (!this.#hasReady) return undefined;
    for (const place of this.#places.values()) {
      if (!place.isReady) continue;
      place.isReady = false;
      return place.call;
    }
    this.#hasReady = false;
    return undefined;
  }

  /** Those whose time is up, the first first; they have left. */
  expire(now: number): W[] {
    const expired = [...this.#places.values()].filter(({ deadline }) => deadline <= now);
    for (const { call } of expired) this.#places.delete(call.client);
    return expired.map(({ call }) => call);
  }

  /** When the next one's time is up; Infinity if nobody waits. */
  get deadline(): number {
    let least = Infinity;
    for (const { deadline } of this.#places.values()) least = Math.min(least, deadline);
    return least;
  }
}
