/**
 * Putting rows of words into their order, many at a time: by the first word in which they differ, and those that are equal
 * in it by the next. A word and the number of its row are one number of 53 bits, so that they are put in order by what
 * the platform has for numbers.
 *
 * Beyond 2^21 rows that is one bit too many: these are put in order by their digits from the last to the first, which
 * looks at no row twice for the same digit.
 */

/** Of fewer rows making numbers costs more than comparing. */
const FEW = 24;
/** Row numbers, which are less, fit beside a word. */
const ROWS_MOST = 1 << 21;
const DIGITS = 1 << 16;
/** Words are signed: those below zero come first. */
const SIGN = 0x8000;

/**
 * The numbers of `count` rows in their order by the first `words` words of each; rows begin at every `width`th word. Rows
 * that are equal keep theirs.
 */
export function orderOfRows(
  rows: Int32Array,
  width: number,
  words: number,
  count: number,
): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count > ROWS_MOST) return orderByDigits(rows, width, words, order);
  new WordOrder(rows, width, words, order).run(0, count, 0);
  return order;
}

class WordOrder {
  readonly #rows: Int32Array;
  readonly #width: number;
  readonly #words: number;
  readonly #order: Uint32Array;
  readonly #numbers: Float64Array;
  readonly #moved: Uint32Array;

  constructor(rows: Int32Array, width: number, words: number, order: Uint32Array) {
    this.#rows = rows;
    this.#width = width;
    this.#words = words;
    this.#order = order;
    this.#numbers = new Float64Array(order.length);
    this.#moved = new Uint32Array(order.length);
  }

  /** Orders the places from `from` to `end`, whose rows are equal before this word. */
  run(from: number, end: number, word: number): void {
    if (end - from < FEW) {
      this.#insert(from, end, word);
      return;
    }
    let at = word;
    while (at < this.#words && this.#areEqual(from, end, at)) at++;
    if (at === this.#words) return;
    this.#orderBy(from, end, at);
    if (at + 1 === this.#words) return;
    for (let begin = from; begin < end;) {
      const value = this.#word(begin, at);
      let next = begin + 1;
      while (next < end && this.#word(next, at) === value) next++;
      if (next > begin + 1) this.run(begin, next, at + 1);
      begin = next;
    }
  }

  #word(place: number, word: number): number {
    return this.#rows[(this.#order[place] ?? 0) * this.#width + word] ?? 0;
  }

  #areEqual(from: number, end: number, word: number): boolean {
    const value = this.#word(from, word);
    for (let place = from + 1; place < end; place++) {
      if (this.#word(place, word) !== value) return false;
    }
    return true;
  }

  /** What has equal words stays in the order of places, since these are the lower part of the numbers. */
  #orderBy(from: number, end: number, word: number): void {
    const numbers = this.#numbers.subarray(from, end);
    const moved = this.#moved;
    const order = this.#order;
    for (let i = 0; i < numbers.length; i++)
      numbers[i] = this.#word(from + i, word) * ROWS_MOST + i;
    numbers.sort();
    for (let i = from; i < end; i++) moved[i] = order[i] ?? 0;
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i] ?? 0;
      const place = number - Math.floor(number / ROWS_MOST) * ROWS_MOST;
      order[from + i] = moved[from + place] ?? 0;
    }
  }

  #insert(from: number, end: number, word: number): void {
    const order = this.#order;
    for (let place = from + 1; place < end; place++) {
      const row = order[place] ?? 0;
      let to = place;
      while (to > from && this.#compare(order[to - 1] ?? 0, row, word) > 0) {
        order[to] = order[to - 1] ?? 0;
        to--;
      }
      order[to] = row;
    }
  }

  #compare(one: number, other: number, word: number): number {
    const [a, b] = [one * this.#width, other * this.#width];
    for (let i = word; i < this.#words; i++) {
      const left = this.#rows[a + i] ?? 0;
      const right = this.#rows[b + i] ?? 0;
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  }
}

function orderByDigits(
  rows: Int32Array,
  width: number,
  words: number,
  first: Uint32Array,
): Uint32Array {
  let order: Uint32Array = first;
  let next: Uint32Array = new Uint32Array(first.length);
  const places = new Uint32Array(DIGITS);
  for (let word = words - 1; word >= 0; word--) {
    for (let shift = 0; shift <= 16; shift += 16) {
      if (!countDigits(rows, width, word, shift, order.length, places)) continue;
      const sign = shift === 0 ? 0 : SIGN;
      for (const row of order) {
        const digit = (((rows[row * width + word] ?? 0) >>> shift) & 0xffff) ^ sign;
        const place = places[digit] ?? 0;
        places[digit] = place + 1;
        next[place] = row;
      }
      [order, next] = [next, order];
    }
  }
  return order;
}

/** Where the rows of each digit begin; false if all have the same one, so that nothing is to be moved. */
function countDigits(
  rows: Int32Array,
  width: number,
  word: number,
  shift: number,
  count: number,
  places: Uint32Array,
): boolean {
  const sign = shift === 0 ? 0 : SIGN;
  places.fill(0);
  let digit = 0;
  for (let row = 0, at = word; row < count; row++, at += width) {
    digit = (((rows[at] ?? 0) >>> shift) & 0xffff) ^ sign;
    places[digit] = (places[digit] ?? 0) + 1;
  }
  if (places[digit] === count) return false;
  let begin = 0;
  for (let each = 0; each < DIGITS; each++) {
    const end = begin + (places[each] ?? 0);
    places[each] = begin;
    begin = end;
  }
  return true;
}
