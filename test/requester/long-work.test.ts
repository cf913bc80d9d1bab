/** Long work that a client in another process has asked for: its steps, its answer, and its early end. */
import { beforeEach, expect, test } from 'vitest';
import { KIND } from '../../src/requester/protocol.js';
import { Desk } from '../support/requester-desk.js';

let desk: Desk;
let steps: string[];

beforeEach(() => {
  desk = new Desk({});
  steps = [];
  desk.engine.addAdministration('work', function* ({ name, failsAt, takes = 0 }) {
    try {
      for (let at = 1; at <= 3; at++) {
        steps.push(`${String(name)}${at}`);
        desk.time += Number(takes);
        if (at === failsAt) throw new Error('it fails');
        yield;
      }
      steps.push(`${String(name)} done`);
      return { name };
    } finally {
      steps.push(`${String(name)} over`);
    }
  });
});

/** What came since the last time: connection, kind and body. */
function answers(): unknown[] {
  desk.serve();
  return desk.sent.splice(0).flatMap(({ connection, frame }) => {
    if (frame.kind !== KIND.DONE && frame.kind !== KIND.FAILED) return [];
    return [[connection, frame.kind, JSON.parse(Buffer.from(frame.body).toString()) as unknown]];
  });
}

test('goes on with each operation, and is answered when it is done', () => {
  desk.administer(1, 'work', { name: 'a' });
  expect(answers()).toEqual([]);
  expect(steps).toEqual(['a1']);
  expect([answers(), answers()]).toEqual([[], []]);
  expect(answers()).toEqual([[1, KIND.DONE, { name: 'a' }]]);
  expect(steps).toEqual(['a1', 'a2', 'a3', 'a done', 'a over']);
});

test('takes turns, and leaves as much time as it takes', () => {
  desk.administer(1, 'work', { name: 'a', takes: 10 });
  desk.administer(2, 'work', { name: 'b', takes: 10 });
  answers();
  answers();
  expect(steps).toEqual(['a1']);
  desk.time += 10;
  answers();
  expect(steps).toEqual(['a1', 'b1']);
});

test('that fails is answered with its error', () => {
  desk.administer(1, 'work', { name: 'a', failsAt: 2 });
  answers();
  expect(answers()).toMatchObject([[1, KIND.FAILED, { message: 'it fails' }]]);
});

test.each([
  ['a connection that is lost', () => desk.control(1, KIND.LOST)],
  ['an engine that is stopped', () => desk.server.close()],
])('of %s is ended where it is', (_, end) => {
  desk.open(1);
  desk.administer(1, 'work', { name: 'a' });
  answers();
  end();
  answers();
  answers();
  expect(steps).toEqual(['a1', 'a over']);
});

test('in the process of the engine is done when it returns', () => {
  expect(desk.engine.administer('work', { name: 'a' })).toEqual({ name: 'a' });
});
