/** Classic calls of clients in other processes, as `caller.ts` makes those of embedded ones. */
import { Op } from '../../src/microkernel/calls/operations.js';
import type { RemoteClient } from '../../src/requester/remote-client.js';
import { createBuffer, type CallInput, type FileSpec } from './caller.js';

export interface RemoteResult {
  readonly status: number;
  readonly buffer: Uint8Array;
  readonly length: number;
  readonly key: Uint8Array;
}

/** A call; the buffers are as `Caller` makes them. */
export async function remoteCall(
  client: RemoteClient,
  op: number,
  input: CallInput = {},
): Promise<RemoteResult> {
  const { block = new Uint8Array(128), data = [], keyNumber = 0, keyRoom = 255 } = input;
  const room = input.room ?? data.length;
  const buffer = new Uint8Array(room);
  buffer.set(Array.from(data).slice(0, room));
  const key = new Uint8Array(keyRoom);
  const given = typeof input.key === 'string' ? Buffer.from(`${input.key}\0`) : (input.key ?? []);
  key.set(Array.from(given).slice(0, keyRoom));
  const length = Uint32Array.of(room);
  const status = await client.btrcall(op, block, buffer, length, key, keyNumber);
  return { status, buffer, length: length[0] ?? 0, key };
}

export async function remoteCreate(
  client: RemoteClient,
  path: string,
  spec: FileSpec,
): Promise<number> {
  return (await remoteCall(client, Op.CREATE, { data: createBuffer(spec), key: path })).status;
}

/** A position block, open if the status is 0. */
export async function remoteOpen(
  client: RemoteClient,
  path: string,
  mode = 0,
): Promise<{ readonly status: number; readonly block: Uint8Array }> {
  const block = new Uint8Array(128);
  const { status } = await remoteCall(client, Op.OPEN, { block, key: path, keyNumber: mode });
  return { status, block };
}
