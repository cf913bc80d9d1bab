/**
 * A program with an engine of its own, as `butil` and other clients meet it.
 *
 *     node --import tsx test/requester/program.ts <root> <file> busy|idle|stuck|writing|yielding|moody|transacting
 *
 * busy: works with the engine and never yields; idle: yields; stuck: does neither; writing: inserts the keys from
 * 2 on, one after the other, and never yields; yielding: the same, and yields; moody: works, and yields for some
 * milliseconds only now and then; transacting: inserts keys in transactions of the typed API, and never yields.
 */
import { writeSync } from 'node:fs';
import { BtrieveError, defineRecord, integer, key, MicroKernel } from '../../src/index.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { Caller } from '../support/caller.js';

const [root = '', file = '', mode = 'idle'] = process.argv.slice(2);
const engine = MicroKernel.start({ root });
const caller = new Caller(engine.client({ name: 'program' }));
const keys = [[{ offset: 0, length: 4, type: 14 }]];
caller.create(file, { recordLength: 8, keys }, -1);
const { block } = caller.open(file);
const record = [1, 0, 0, 0, 5, 6, 7, 8];
caller.call(Op.INSERT, { block, data: record });
engine.waitForRequester(30_000);
writeSync(1, 'ready\n');

let last = 1;
/** Whether the engine is there still. */
function writeNext(): boolean {
  const data = Buffer.alloc(8);
  data.writeUInt32LE(last + 1);
  const { status } = caller.call(Op.INSERT, { block, data: [...data] });
  if (status === 0) last++;
  return status !== 20;
}

if (mode === 'writing') {
  try {
    // Not so fast that the file outgrows the test.
    while (writeNext()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.2);
  } catch {
    process.exitCode = 1;
  }
} else if (mode === 'transacting') {
  const layout = defineRecord({ n: integer(4), rest: integer(4) }, { keys: { byN: key('n') } });
  const client = engine.client();
  const lines = `${file}.lines`;
  client.createFile(lines, layout);
  const open = client.openFile(lines, layout);
  try {
    for (let n = 1; ; n++) {
      client.transaction(() => open.insert({ n, rest: n }));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.2);
    }
  } catch (error) {
    // The engine was stopped: the file is not open any more.
    process.exitCode = error instanceof BtrieveError && [3, 20].includes(error.status) ? 0 : 1;
  }
} else if (mode === 'yielding') {
  const timer = setInterval(() => {
    for (let each = 0; each < 10; each++) if (!writeNext()) clearInterval(timer);
  }, 1);
} else if (mode === 'moody') {
  const work = (): void => {
    const until = performance.now() + 25;
    while (performance.now() < until) {
      if (caller.call(Op.GET_FIRST, { block, room: 8 }).status === 20) return;
    }
    setTimeout(work, 15);
  };
  work();
} else if (mode === 'idle') {
  setInterval(() => undefined, 1000);
} else if (mode === 'stuck') {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
} else {
  try {
    for (;;) if (caller.call(Op.GET_FIRST, { block, room: 8 }).status === 20) break;
  } catch {
    process.exitCode = 1;
  }
}
