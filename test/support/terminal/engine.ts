/**
 * An engine in a program of its own, in which long work that others ask for stops after its first step until a
 * file is there: so whoever has asked can be interrupted in the middle, on a machine of any speed.
 *
 *     node --import tsx test/support/terminal/engine.ts <root> <file that lets work go on>
 */
import { existsSync, writeSync } from 'node:fs';
import { MicroKernel } from '../../../src/index.js';
import { LongWork } from '../../../src/requester/long-work.js';

const [root = '', goOn = ''] = process.argv.slice(2);

const step = Object.getOwnPropertyDescriptor(LongWork.prototype, 'step')?.value as LongWork['step'];
let steps = 0;
LongWork.prototype.step = function (this: LongWork) {
  if (this.size === 0) return undefined;
  if (steps > 0 && !existsSync(goOn)) return undefined;
  steps++;
  return step.call(this);
};

const engine = MicroKernel.start({ root });
engine.waitForRequester(30_000);
writeSync(1, 'ready\n');
setInterval(() => undefined, 1000);
