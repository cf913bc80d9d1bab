/** Clients from elsewhere: only with the token, and over the network only encrypted. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, MicroKernel, type TcpPlace } from '../../src/index.js';

const TOKEN = 'a token of some length';
let root: string;
let engine: MicroKernel | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isamite-'));
});

afterEach(() => {
  engine?.stop();
  engine = undefined;
  rmSync(root, { recursive: true, force: true });
});

/** The port that it listens at. */
function serve(tcp: Partial<TcpPlace> = {}): number {
  const place = { host: '127.0.0.1', port: 0, token: TOKEN, key: '', cert: '', ...tcp };
  engine = MicroKernel.start({ root, tcp: place });
  expect(engine.waitForRequester(10_000)).toBe(true);
  const record = readFileSync(join(root, 'run', 'engine.json'), 'utf8');
  return (JSON.parse(record) as { port: number }).port;
}

test('who knows the token is let in, others are not', async () => {
  const port = serve();
  const client = await connect({ tcp: { host: '127.0.0.1', port, token: TOKEN } });
  expect(await client.administer('settings')).toMatchObject({ requester: true });
  await client.close();
  for (const token of ['', 'a token of some lengtH', `${TOKEN} `]) {
    const tcp = { host: '127.0.0.1', port, token };
    await expect(connect({ tcp })).rejects.toMatchObject({
      ...{ status: 3106, found: expect.stringContaining('token') as string },
    });
  }
});

test('who has waited for a port that cannot be had finds the reason in the event log', () => {
  const port = serve();
  const other = join(root, 'other');
  const tcp = { host: '127.0.0.1', port, token: TOKEN, key: '', cert: '' };
  const second = MicroKernel.start({ root: other, tcp });
  expect(second.waitForRequester(10_000)).toBe(false);
  second.stop();
  expect(readFileSync(join(other, 'event.log'), 'utf8')).toMatch(/requester-failed .*EADDRINUSE/);
});

test('encrypted, with a certificate that is trusted', async () => {
  const [key, cert] = [join(root, 'key.pem'), join(root, 'cert.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost'],
  ]);
  if (made.status !== 0) {
    console.log('skipped: there is no openssl to make a certificate');
    return;
  }
  const port = serve({ host: 'localhost', key, cert });
  const ca = readFileSync(cert, 'utf8');
  const client = await connect({ tcp: { host: 'localhost', port, token: TOKEN, ca } });
  expect(client.pid).toBe(process.pid);
  await client.close();
  const plain = { host: 'localhost', port, token: TOKEN };
  await expect(connect({ tcp: plain, timeoutMs: 2000 })).rejects.toMatchObject({ status: 3106 });
});

test.each([
  [{ host: '0.0.0.0' }],
  [{ token: '' }],
  [{ token: 'short' }],
  [{ key: 'k' }],
  [{ port: 70_000 }],
])('%j is refused', (tcp) => {
  expect(() => serve(tcp)).toThrow(expect.objectContaining({ status: 160, reason: 'tcp' }));
});
