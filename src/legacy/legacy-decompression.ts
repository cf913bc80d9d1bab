/**
 * Compressed records: the stream that stands for one, undone as its bytes come.
 *
 *     u16 n │ n bytes as they are │ u16 m │ a byte that stands for m of them │ u16 n │ …
 *
 * The stream ends behind either part. A few bytes may stand for a great many, so nothing is made of them
 * beyond what the sink takes.
 */
import { copyBytes } from '../microkernel/bytes.js';

/**
 * The part of a record that somebody wants: from `start` on, as much as there is room for. The rest is
 * counted.
 */
export class RecordSink {
  into: Uint8Array = new Uint8Array(0);
  #at = 0;
  #room = 0;
  #start = 0;
  #needsLength = true;
  /** Bytes of the record so far. */
  length = 0;

  /** Begins a record: bytes from `start` on go to `at` in `into`, at most `room`. */
  begin(into: Uint8Array, at: number, room: number, start = 0, needsLength = true): void {
    this.into = into;
    this.#at = at;
    this.#room = room;
    this.#start = start;
    this.#needsLength = needsLength;
    this.length = 0;
  }

  /** Whether more bytes of the record make a difference. */
  get wantsMore(): boolean {
    return this.#needsLength || this.length < this.#start + this.#room;
  }

  put(bytes: Uint8Array, from: number, count: number): void {
    const skipped = Math.min(count, Math.max(0, this.#start - this.length));
    const place = this.length + skipped - this.#start;
    const taken = Math.min(count - skipped, this.#room - place);
    if (taken > 0) copyBytes(bytes, from + skipped, this.into, this.#at + place, taken);
    this.length += count;
  }

  fill(byte: number, count: number): void {
    const skipped = Math.min(count, Math.max(0, this.#start - this.length));
    const place = this.length + skipped - this.#start;
    const taken = Math.min(count - skipped, this.#room - place);
    if (taken > 0) this.into.fill(byte, this.#at + place, this.#at + place + taken);
    this.length += count;
  }
}

const STATE = Object.freeze({
  LITERALS_LOW: 0,
  LITERALS_HIGH: 1,
  LITERALS: 2,
  RUN_LOW: 3,
  RUN_HIGH: 4,
  RUN_BYTE: 5,
});

export class Decompression {
  readonly #sink: RecordSink;
  #state: number = STATE.LITERALS_LOW;
  #count = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  begin(): void {
    this.#state = STATE.LITERALS_LOW;
    this.#count = 0;
  }

  /** Whether the stream may end here. */
  get isComplete(): boolean {
    return this.#state === STATE.LITERALS_LOW || this.#state === STATE.RUN_LOW;
  }

  /** Undoes a part of the stream. */
  take(bytes: Uint8Array, from: number, length: number): void {
    const end = from + length;
    for (let at = from; at < end;) {
      if (this.#state === STATE.LITERALS) {
        const count = Math.min(this.#count, end - at);
        this.#sink.put(bytes, at, count);
        at += count;
        this.#count -= count;
        if (this.#count === 0) this.#state = STATE.RUN_LOW;
      } else this.#takeByte(bytes[at++] ?? 0);
    }
  }

  #takeByte(byte: number): void {
    switch (this.#state) {
      case STATE.LITERALS_LOW:
      case STATE.RUN_LOW:
        this.#count = byte;
        this.#state++;
        break;
      case STATE.LITERALS_HIGH:
        this.#count += byte << 8;
        this.#state = this.#count === 0 ? STATE.RUN_LOW : STATE.LITERALS;
        break;
      case STATE.RUN_HIGH:
        this.#count += byte << 8;
        this.#state = STATE.RUN_BYTE;
        break;
      default:
        this.#sink.fill(byte, this.#count);
        this.#state = STATE.LITERALS_LOW;
    }
  }
}
