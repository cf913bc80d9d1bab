/**
 * The ci tier of the crash states of the backup agent, and what it makes of a state that was damaged. Of the
 * environment: `SEED`, `LIMIT` (states of one scenario), `SCENARIO` and `STATE` (as a failure printed them).
 */
import { expect, test } from 'vitest';
import { MicroKernel } from '../../../src/index.js';
import { Caller, dword } from '../../support/caller.js';
import { Op } from '../../../src/microkernel/calls/operations.js';
import { memoryPorts } from '../../support/memory-view.js';
import { testCrashStates } from '../log/log-suite.js';
import { AGENT_SCENARIOS } from './agent-scenarios.js';

await testCrashStates({
  title: 'the backup agent survives every crash',
  scenarios: ['test/crash/contops/agent-scenarios.ts', 'AGENT_SCENARIOS'],
  limit: 30,
  least: { states: 24 * AGENT_SCENARIOS.length, deeper: 2 * AGENT_SCENARIOS.length, kills: 0 },
});

const STATE_PATH = '/d/root/etc/backup-agent.json';
const FILE = '/d/a.btr';
const SPEC = { recordLength: 8, keys: [[{ offset: 0, length: 4, type: 14 }]] };

test('a state that was cut off anywhere, or is something else, is told, and what is in comes out', () => {
  const ports = memoryPorts(1);
  const start = (): MicroKernel => MicroKernel.start({ root: '/d/root', ports });
  let engine = start();
  const caller = new Caller(engine.client());
  expect(caller.create(FILE, SPEC)).toBe(0);
  const { block } = caller.open(FILE);
  engine.startBackupAgent();
  expect(caller.call(Op.INSERT, { block, data: [...dword(1), ...dword(2)] }).status).toBe(0);
  engine.stop();
  const handle = ports.files.open(STATE_PATH, 'read');
  const whole = new Uint8Array(handle.size());
  handle.read(whole, 0, whole.length, 0);
  handle.close();
  const put = (bytes: Uint8Array): void => {
    if (ports.files.exists(STATE_PATH)) ports.files.remove(STATE_PATH);
    const made = ports.files.open(STATE_PATH, 'create');
    made.write(bytes, 0, bytes.length, 0);
    made.close();
  };
  const texts = ['null', '[]', '{"version":2}', '{"version":1,"since":-1,"scope":"open"}', '\0\0'];
  const spoilt = [
    // All but the end of the line is needed.
    ...Array.from({ length: whole.length - 1 }, (_, size) => whole.subarray(0, size)),
    ...texts.map((text) => new TextEncoder().encode(text)),
  ];
  const whenWhole = JSON.stringify(JSON.parse(new TextDecoder().decode(whole)));
  for (const bytes of spoilt) {
    put(bytes);
    engine = start();
    const report = engine.backupAgent();
    const isWhole = new TextDecoder().decode(bytes).trim() !== '' && isSame(bytes, whenWhole);
    expect(report, new TextDecoder().decode(bytes)).toMatchObject({ isOn: isWhole, files: [FILE] });
    engine.stop();
  }
  put(whole.subarray(0, 5));
  engine = start();
  expect(engine.stopBackupAgent()).toMatchObject({ files: [{ file: FILE }], failed: [] });
  expect([engine.continuous(), engine.backupAgent().isOn]).toEqual([[], false]);
  expect(ports.files.exists(STATE_PATH)).toBe(false);
  expect(engine.startBackupAgent({ files: [FILE] })).toMatchObject({ isOn: true, files: [FILE] });
  expect(engine.stopBackupAgent()).toMatchObject({ failed: [] });
  engine.stop();
});

function isSame(bytes: Uint8Array, whole: string): boolean {
  try {
    return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes))) === whole;
  } catch {
    return false;
  }
}
