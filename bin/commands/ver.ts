/** `butil -ver`: loads nothing of the engine, so that it answers at once. */
import { version } from '../../src/version.js';
import { done, type Outcome } from '../outcome.js';

/** The version that the engine behaves like, as its operation 26 tells it too. */
const BTRIEVE_VERSION = '9.50';

export function command(): Outcome {
  const text = [
    `The Btrieve Requester version is ${BTRIEVE_VERSION}.`,
    `The Btrieve Version is ${BTRIEVE_VERSION}.`,
  ].join('\n');
  const { version: node } = process;
  return done(text, { version, btrieveVersion: BTRIEVE_VERSION, node });
}
