import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openConnection } from '../../lib/net/open-connection.ts';
import { freePorts } from './free-ports.ts';

const HOST = '127.0.0.1';

describe('a connection that would be one with itself', () => {
  test('is refused, and does not keep a server from its port', async () => {
    const { tcpPort: port } = await freePorts();
    // What the system chooses for one connection in some thousands.
    const toItself = openConnection({ host: HOST, port, localPort: port });
    await expect(toItself).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: `connect ECONNREFUSED ${HOST}:${port}`,
    });
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, HOST, resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  });

  test.skipIf(process.platform !== 'linux')('leaves nothing behind', async () => {
    const { tcpPort: port } = await freePorts();
    await openConnection({ host: HOST, port, localPort: port }).catch(() => undefined);
    // Whoever asks for the port without SO_REUSEADDR would not get it for a minute.
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    expect(await readFile('/proc/net/tcp', 'latin1')).not.toContain(`0100007F:${hex} `);
  });
});
