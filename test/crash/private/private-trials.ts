/** The trials of pages that transactions change: random lives. */
import type { Trial } from '../../support/faults/trial.js';
import { PrivateLife } from './private-life.js';

const LIVES = 60;

export function trials(seed: number): Trial[] {
  return [
    {
      name: 'lives',
      run: (count) => {
        for (let life = 0; life < LIVES; life++) {
          new PrivateLife(1000 * seed + life, () => undefined).run();
          count(1);
        }
      },
    },
  ];
}
