/** The client's end of the direct way, with an engine at the other that lets it in and then never reads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectLine } from '../../src/requester/direct-line.js';
import { FrameWriter, KIND, WELCOME, type CallRequest } from '../../src/requester/protocol.js';

const NOTHING = new Uint8Array(0);
const CALL: CallRequest = {
  ...{ op: 5, keyNumber: 0, block: NOTHING, dataLength: 0, room: 0, data: NOTHING },
  ...{ keyLength: 0, key: NOTHING },
};
const socket =
  process.platform === 'win32' ? `\\\\.\\pipe\\isamite-line-${process.pid}` : undefined;

let directory = '';
let server: Server;
const guests: Socket[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-line-'));
  server = createServer((guest) => {
    guests.push(guest);
    const frame = new FrameWriter();
    frame.add({ id: 0, session: 0 }, KIND.WELCOME, new Uint8Array(WELCOME.size));
    guest.write(frame.take());
  });
  await new Promise<void>((resolve) => server.listen(path(), resolve));
});

afterEach(() => {
  for (const guest of guests.splice(0)) guest.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

function path(): string {
  return socket ?? join(directory, 'direct.sock');
}

test('calls that are sent again at once, and never read, are not more than an engine bears', async () => {
  const again: number[] = [];
  const line = new DirectLine({
    ask: () => Promise.resolve({ socket: path(), key: 'key' }),
    onFrame: () => undefined,
    onLost: () => undefined,
    again: ({ id }) => again.push(id),
  });
  try {
    let id = 0;
    // Lets it be opened.
    while (!line.isFor(true, CALL)) {
      if (++id % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // Some calls one at a time, and then two at once, each answered at once over the connection.
    for (let round = 0; round < 2000; round++) {
      for (let call = 0; call < 12; call++) {
        id++;
        if (!line.isFor(true, CALL)) continue;
        const frame = new FrameWriter();
        frame.addCall({ id, session: 1 }, CALL);
        line.send(frame.take());
        line.isFor(false, CALL);
        line.sendAgain();
        line.note({ id, session: 1, kind: KIND.RESULT, body: NOTHING });
      }
    }
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(64);
  } finally {
    line.close();
  }
}, 20_000);
