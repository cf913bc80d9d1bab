/**
 * `npm run checks`: what is looked at in the sources before tests run, all at once: habits, form, types, leftovers. One after the
 * other they take longer on two cores, since each of them uses one.
 *
 * Prints what each has to say, in their order. Exits with 1 if one of them has found something.
 */
import { spawn } from 'node:child_process';

const CHECKS = ['lint:habits', 'lint:form', 'typecheck', 'knip'];

interface Outcome {
  readonly name: string;
  readonly isGood: boolean;
  readonly text: string;
}

function run(name: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(`npm run ${name}`, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const pieces: Buffer[] = [];
    const settle = (isGood: boolean, more = ''): void => {
      resolve({ name, isGood, text: Buffer.concat(pieces).toString() + more });
    };
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr.on('data', (piece: Buffer) => pieces.push(piece));
    child.on('error', (error) => settle(false, error.message));
    child.on('close', (code) => settle(code === 0));
  });
}

const outcomes = await Promise.all(CHECKS.map(run));
for (const { text } of outcomes) process.stdout.write(text);
for (const { name, isGood } of outcomes) console.log(`${isGood ? 'good' : 'BAD '}  ${name}`);
process.exitCode = outcomes.every(({ isGood }) => isGood) ? 0 : 1;
