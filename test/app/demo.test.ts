import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Finished, run, WIRELAB } from './programs.ts';

/** What a person who watches has to see, in this order. */
const STORY = [
  /^server \| .* listening on TCP ports /,
  /^demo {3}\| alice connects through a path that loses 10 % of the datagrams, bob directly$/,
  /^alice {2}\| alice is connected$/,
  /^bob {4}\| bob is connected$/,
  /^bob {4}\| alice \(to all\): Hello, who is here\?$/,
  /^alice {2}\| bob: I am\. The picture is worth a look\.$/,
  /^bob {4}\| users: \[alice, bob\]$/,
  /^alice {2}\| files: \[.*picture\.png.*\]$/,
  /^path {3}\| part \d+ is lost/,
  /^alice {2}\| download reached 50%\..* proceed$/,
  /^alice {2}\| Saved as .*copy-of-picture\.png\.$/,
  /^demo {3}\| SHA-256 of the file on the server: ([0-9a-f]{64})$/,
  /^demo {3}\| SHA-256 of the file at alice: {6}([0-9a-f]{64})$/,
  /^demo {3}\| the same, though the path lost [1-9]\d* datagrams$/,
  /^demo {3}\| everything was as it must be$/,
];

function expectStory({ status, stdout, stderr }: Finished): void {
  expect(stderr).toBe('');
  let rest = stdout.split('\n');
  for (const part of STORY) {
    const at = rest.findIndex((line) => part.test(line));
    expect(at, `${part} in\n${stdout}`).not.toBe(-1);
    rest = rest.slice(at + 1);
  }
  const sums = [...stdout.matchAll(/SHA-256 .*: +([0-9a-f]{64})$/gm)].map((match) => match[1]);
  expect(new Set(sums).size).toBe(1);
  expect(stdout).not.toContain('\x1b');
  expect(status).toBe(0);
}

/** Takes all ports of the document that are free, so that each of them is somebody's. */
async function takeDocumentPorts(): Promise<AsyncDisposable> {
  const servers: Server[] = [];
  for (let port = 55_000; port <= 55_015; port += 1) {
    // Whoever else tries such a port must not keep it open.
    const server = createServer((socket) => socket.destroy());
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      servers.push(server);
    } catch {
      // It is taken already.
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) {
        server.close();
        await once(server, 'close');
      }
    },
  };
}

describe('wirelab demo', () => {
  it('tells the whole story and ends by itself with status 0', async () => {
    const before = performance.now();
    expectStory(await run(WIRELAB, ['demo']));
    // It gives up by itself before that.
    expect(performance.now() - before).toBeLessThan(15_000);
  });

  it('uses free ports when those of the document are taken', async () => {
    let finished: Finished;
    let attempts = 0;
    do {
      await using _taken = await takeDocumentPorts();
      finished = await run(WIRELAB, ['demo']);
      expectStory(finished);
      attempts += 1;
      // A port that was somebody else's may have become free in the meantime.
    } while (/listening on TCP ports 550\d\d/.test(finished.stdout) && attempts < 5);
    expect(finished.stdout).toMatch(/^demo {3}\| the ports 55000-55015 are taken: free ones/m);
  });
});
