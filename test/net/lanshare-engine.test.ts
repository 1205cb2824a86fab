import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ReceivedFile } from '../../lib/app/received-file.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { type FrontEnd, LanshareLan, meet } from './lanshare-lan.ts';
import { until } from './waiting.ts';

needSeveralAddresses();

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function pair(lan: LanshareLan): Promise<[FrontEnd, FrontEnd]> {
  const ann = await lan.start('ann', '127.0.0.2');
  const bob = await lan.start('bob', '127.0.0.3');
  await meet(ann, bob);
  return [ann, bob];
}

/** Asks, and waits until it is there. */
async function ask(from: FrontEnd, to: FrontEnd, dir: string): Promise<void> {
  from.say({ stat: 'creq', ip: to.ip, dir });
  await to.hears({ stat: 'rreq', ip: from.ip, dir });
}

test('engines find each other, and notice who leaves', async () => {
  await using lan = await LanshareLan.make();
  const [ann, bob] = await pair(lan);
  await ann.hears({ stat: 'online', ip: '127.0.0.3', username: 'bob' });
  await bob.engine.close();
  await ann.hears({ stat: 'offline', ip: '127.0.0.3', username: 'bob' });
  const cy = await lan.start('cy', '127.0.0.4');
  await meet(ann, cy);
  ann.say({ stat: 'reshs' });
  await ann.hears({ stat: 'online', username: 'cy' });
  await ann.hears({ stat: 'online', username: 'cy' });
});

test('a message arrives, or not, and its writer knows', async () => {
  await using lan = await LanshareLan.make();
  const [ann, bob] = await pair(lan);
  const content = 'héllo\n\u001b[2J';
  ann.say({ stat: 'cmsg', ip: bob.ip, to: 'bob', msg: content });
  await bob.hears({ stat: 'rmsg', person: 'ann', content, contentType: 'text' });
  await ann.hears({ stat: 'smsg', person: 'you', content, contentType: 'text' });
  ann.say({ stat: 'cmsg', ip: '127.0.0.77', to: '', msg: 'x' });
  await ann.hears({ stat: 'info', content: 'failure', about: 'fmsg', ip: '127.0.0.77' });
  await ann.hears({ stat: 'fmsg', person: 'you', content: 'x' });
  ann.say({ stat: 'cmsg', ip: bob.ip, to: 'cy', msg: 'y' });
  await ann.hears({ about: 'fmsg', reason: '127.0.0.3 is bob, and not cy' });
});

describe('a file', () => {
  test.each([0, 1, 300_000, 5_000_000])('of %i bytes arrives', async (size) => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    const [dir, bytes] = [lan.path('f.txt'), someBytes(size)];
    await writeFile(dir, bytes);
    await ask(ann, bob, dir);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    const { port = '' } = await bob.hears({ stat: 'sacp', ip: ann.ip, dir });
    const file = { dir, fileName: 'f.txt', fileType: 'txt', contentType: 'file' };
    const total = String(size);
    await ann.hears({ stat: 'sreq', username: 'bob', ip: bob.ip, ...file, fileSize: total });
    await ann.hears({ stat: 'racp', username: 'bob', ...file, destination: bob.folder, port });
    const done = { stat: 'dprg', port, total, current: total, speed: '0' };
    await ann.hears({ ...done, ip: bob.ip, username: 'bob' });
    await bob.hears({ content: 'saved', dir, path: lan.path('bob', 'f.txt') });
    await bob.hears({ ...done, ip: ann.ip, username: 'ann' });
    expect((await readFile(lan.path('bob', 'f.txt'))).equals(bytes)).toBe(true);
    expect(await readdir(bob.folder)).toEqual(['f.txt']);
  });

  test.each(['\n', '\r\n', '\n\nhello', '\r\rx', '{}\n'])('that is %j arrives', async (content) => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    const dir = lan.path('f');
    await writeFile(dir, content);
    await ask(ann, bob, dir);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    await bob.hears({ stat: 'dprg' });
    expect(await readFile(lan.path('bob', 'f'), 'utf8')).toBe(content);
  });

  test('is rejected, and none of it comes', async () => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    const dir = lan.path('f');
    await writeFile(dir, 'x');
    await ask(ann, bob, dir);
    bob.say({ stat: 'crej', ip: ann.ip, dir });
    await bob.hears({ stat: 'srej', username: 'ann', dir, fileSize: '1' });
    await ann.hears({ stat: 'rrej', username: 'bob', dir, fileSize: '1' });
    expect(await readdir(bob.folder)).toEqual([]);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    await bob.hears({
      content: 'badCommand',
      reason: `there is no request of 127.0.0.2 for ${dir}`,
    });
  });

  test.each(['ann', 'bob'])('that %s stops goes on the next time', async (who) => {
    await using lan = await LanshareLan.make();
    const ann = await lan.start('ann', '127.0.0.2', { openFile: halves(20_000_000) });
    const bob = await lan.start('bob', '127.0.0.3');
    await meet(ann, bob);
    const dir = '/some/file.bin';
    for (const time of ['first', 'second']) {
      await ask(ann, bob, dir);
      bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
      const { port } = await bob.hears({ stat: 'sacp' });
      if (time === 'second') break;
      await bob.hears({ stat: 'rprg', current: '10000000', total: '20000000', port: port ?? '' });
      (who === 'ann' ? ann : bob).say({ stat: 'kprg', port });
      await bob.hears({ stat: 'fprg', current: '10000000' });
      await ann.hears({ stat: 'fprg', dir });
    }
    await ann.hears({ stat: 'dprg', total: '20000000' });
    await bob.hears({ stat: 'dprg', total: '20000000' });
    expect((await readFile(lan.path('bob', 'file.bin'))).equals(HALVES)).toBe(true);
    expect(await readdir(bob.folder)).toEqual(['file.bin']);
  });

  test('that is not there, that was asked for, and that nobody hears of', async () => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    ann.say({ stat: 'creq', ip: bob.ip, dir: '/no/such/file' });
    await ann.hears({ about: 'freq', dir: '/no/such/file' });
    await ann.hears({ stat: 'freq', username: 'bob', fileName: 'file', fileSize: '0' });
    const dir = lan.path('f');
    await writeFile(dir, 'x');
    await ask(ann, bob, dir);
    ann.say({ stat: 'creq', ip: bob.ip, dir });
    await ann.hears({ about: 'freq', reason: 'that was asked already' });
    ann.say({ stat: 'creq', ip: '127.0.0.77', dir });
    await ann.hears({ about: 'freq', ip: '127.0.0.77' });
    await ann.hears({ stat: 'freq', ip: '127.0.0.77', fileSize: '1' });
    // Who asked has left: nobody has to answer any more.
    await ann.engine.close();
    await bob.hears({ content: 'requestEnded', ip: ann.ip, dir });
  });

  test('needs a folder that is there; another one may be named', async () => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    const dir = lan.path('f');
    await writeFile(dir, 'x');
    await ask(ann, bob, dir);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: lan.path('nowhere') });
    await bob.hears({ about: 'facp', reason: `${lan.path('nowhere')} is no folder` });
    await bob.hears({ stat: 'facp', destination: lan.path('nowhere'), port: '0' });
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    await bob.hears({ stat: 'dprg' });
    expect(await readdir(bob.folder)).toEqual(['f']);
  });

  test('that changes between the hash and the bytes is not taken for whole', async () => {
    await using lan = await LanshareLan.make();
    const [ann, bob] = await pair(lan);
    const dir = lan.path('f');
    await writeFile(dir, someBytes(3_000_000));
    await ask(ann, bob, dir);
    await ann.hears({ stat: 'sreq' });
    await truncate(dir, 1000);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    await ann.hears({ stat: 'fprg', dir });
    await bob.hears({ stat: 'fprg', dir });
    expect((await readdir(bob.folder)).filter((name) => !name.includes('.part'))).toEqual([]);
  });
});

const HALVES = someBytes(20_000_000);

/** A file whose second half can be read from the second time on only. */
function halves(size: number) {
  let times = 0;
  return async () => {
    times += 1;
    const isFirst = times === 1;
    return {
      name: 'file.bin',
      sha256: async () => sha256Of(HALVES),
      source: {
        size,
        read: async (buffer: Buffer, position: number) => {
          const end = isFirst ? size / 2 : size;
          if (position >= end) await new Promise(() => undefined);
          return HALVES.copy(buffer, 0, position, Math.min(end, position + buffer.length));
        },
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
}

test('who asks again while his file comes has given up the first time', async () => {
  await using lan = await LanshareLan.make();
  const ann = await lan.start('ann', '127.0.0.2', { openFile: halves(20_000_000) });
  const bob = await lan.start('bob', '127.0.0.3');
  await meet(ann, bob);
  const dir = '/some/file.bin';
  const accept = () => bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
  await ask(ann, bob, dir);
  accept();
  const { port } = await ann.hears({ stat: 'racp' });
  await bob.hears({ stat: 'rprg' });
  ann.say({ stat: 'kprg', port });
  await ask(ann, bob, dir);
  accept();
  await bob.hears({ stat: 'dprg' });
  expect((await readFile(lan.path('bob', 'file.bin'))).equals(HALVES)).toBe(true);
});

test('two who send to each other have a port for each', async () => {
  await using lan = await LanshareLan.make();
  const options = { openFile: halves(20_000_000), dataPort: 29_996 };
  const ann = await lan.start('ann', '127.0.0.2', options);
  const bob = await lan.start('bob', '127.0.0.3', options);
  await meet(ann, bob);
  await ask(ann, bob, '/a');
  bob.say({ stat: 'cacp', ip: ann.ip, dir: '/a', dest: bob.folder });
  const there = await ann.hears({ stat: 'racp' });
  await ask(bob, ann, '/b');
  ann.say({ stat: 'cacp', ip: bob.ip, dir: '/b', dest: ann.folder });
  const back = await bob.hears({ stat: 'racp' });
  expect(there.port).not.toBe(back.port);
});

test('25 uploads and 25 downloads at a time; the next one hears that there are too many', async () => {
  await using lan = await LanshareLan.make();
  const openFile = halves(20_000_000);
  const stuck = {
    openFile: async () => ({
      ...(await openFile()),
      sha256: () => new Promise<string>(() => undefined),
    }),
  };
  const ann = await lan.start('ann', '127.0.0.2', stuck);
  const cy = await lan.start('cy', '127.0.0.4', stuck);
  const bob = await lan.start('bob', '127.0.0.3');
  await meet(ann, bob, cy);
  const dirs = Array.from({ length: 25 }, (_, index) => `/f${index}`);
  for (const dir of dirs) {
    await ask(ann, bob, dir);
    bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
    await bob.hears({ stat: 'sacp', dir });
    await ann.hears({ stat: 'racp', dir });
  }
  const ports = new Set(ann.events.filter(({ stat }) => stat === 'racp').map(({ port }) => port));
  expect(ports.size).toBe(25);
  ann.say({ stat: 'creq', ip: bob.ip, dir: '/more' });
  await ann.hears({ stat: 'info', content: 'activeUploadFull' });
  await ann.hears({ stat: 'freq', dir: '/more' });
  await ask(cy, bob, '/more');
  bob.say({ stat: 'cacp', ip: cy.ip, dir: '/more', dest: bob.folder });
  await bob.hears({ stat: 'info', content: 'activeDownloadFull' });
  await bob.hears({ stat: 'facp', dir: '/more' });
  await cy.hears({ stat: 'rrej', dir: '/more' });
  // One ends, and there is room again.
  bob.say({ stat: 'kprg', port: [...ports][0] });
  await ann.hears({ stat: 'fprg', dir: '/f0' });
  await bob.hears({ stat: 'fprg', dir: '/f0' });
  await ask(cy, bob, '/more');
  bob.say({ stat: 'cacp', ip: cy.ip, dir: '/more', dest: bob.folder });
  await bob.hears({ stat: 'sacp', dir: '/more' });
  await ask(ann, bob, '/again');
});

/** A peer that was written from the document. */
class Stranger {
  readonly ip = '127.0.0.9';
  readonly tcpPort: number;

  constructor(tcpPort: number) {
    this.tcpPort = tcpPort;
  }

  /** @returns whether it was taken. */
  async say(host: string, object: object | string): Promise<boolean> {
    const socket = connect({ port: this.tcpPort, host, localAddress: this.ip });
    const ended = once(socket, 'end').then(
      () => true,
      () => false,
    );
    socket.end(typeof object === 'string' ? object : JSON.stringify(object));
    socket.resume();
    return await ended;
  }

  request(more: object = {}): object {
    return {
      ...{ stat: 'rreq', username: 'eve', ip: '127.0.0.2', dir: 'C:\\x', fileName: 'x.txt' },
      ...{ fileType: 'txt', fileSize: '5', contentType: 'file', ...more },
    };
  }
}

describe('a peer written from the document', () => {
  const HELLO = sha256Of(Buffer.from('hello'));
  test.each([
    ['what he said', {}, 'hello', /"done"/, ['x.txt']],
    ['other bytes', {}, 'hullo', /hash is another one/, []],
    ['less', {}, 'hell', /^/, []],
    ['what he said, and shuts his side', {}, 'hello', /"done"/, ['x.txt']],
    ['more', {}, `hello${'more'.repeat(1000)}`, /more came than was offered/, []],
    ['another size', { fileSize: '6' }, '', /not the file that was offered/, []],
    ['another name', { fileName: 'y.txt' }, '', /not the file that was offered/, []],
    ['nonsense', { sha256: 'x' }, '', /does not keep to the protocol/, []],
  ])('sends %s', async (what, header, content, heard, files) => {
    await using lan = await LanshareLan.make();
    const bob = await lan.start('bob', '127.0.0.3');
    const eve = new Stranger(lan.ports.tcpPort);
    const answers: string[] = [];
    const server = createServer((socket) =>
      socket.on('data', (data) => answers.push(String(data))),
    );
    server.listen(lan.ports.tcpPort, eve.ip);
    await once(server, 'listening');
    try {
      expect(await eve.say(bob.ip, eve.request())).toBe(true);
      // What he says of his address changes nothing.
      await bob.hears({ stat: 'rreq', username: 'eve', ip: eve.ip, fileName: 'x.txt' });
      bob.say({ stat: 'cacp', ip: eve.ip, dir: 'C:\\x', dest: bob.folder });
      // He does not close the connection that brings the answer before he has read it all.
      await until('the answer', () => answers.length > 0);
      const { stat, port } = JSON.parse(answers.join('')) as { stat: string; port: string };
      expect(stat).toBe('racp');
      // Others cannot use the port.
      const other = connect({ port: Number(port), host: bob.ip, localAddress: '127.0.0.8' });
      other.on('error', () => undefined).resume();
      await once(other, 'close');
      const socket = connect({ port: Number(port), host: bob.ip, localAddress: eve.ip });
      let said = '';
      socket.on('data', (data) => {
        said += String(data);
      });
      socket.on('error', () => undefined);
      const closed = once(socket, 'close');
      socket.write(JSON.stringify({ fileName: 'x.txt', fileSize: '5', sha256: HELLO, ...header }));
      if (content !== '') {
        await until('the offset', () => said.includes('"offset":"0"'));
        socket.write(`\n${content}`);
        if (content.length < 5 || what.includes('shuts')) socket.end();
      }
      await closed;
      expect(said).toMatch(heard);
      await bob.hears({ stat: files.length > 0 ? 'dprg' : 'fprg', ip: eve.ip });
      const there = await readdir(bob.folder);
      expect(there.filter((name) => !name.includes('.part'))).toEqual(files);
    } finally {
      server.close();
    }
  });

  test('cannot be somebody else', async () => {
    await using lan = await LanshareLan.make();
    const [, bob] = await pair(lan);
    const eve = new Stranger(lan.ports.tcpPort);
    expect(await eve.say(bob.ip, eve.request({ username: 'ann' }))).toBe(false);
    await bob.hears({
      content: 'warning',
      ip: eve.ip,
      reason: 'ann is at 127.0.0.2, and not at 127.0.0.9',
    });
    const message = { stat: 'rmsg', person: 'ann', content: 'give me', contentType: 'text' };
    expect(await eve.say(bob.ip, message)).toBe(false);
    expect(await eve.say(bob.ip, { ...message, person: 'eve' })).toBe(true);
    await bob.hears({ stat: 'rmsg', person: 'eve' });
    expect(bob.stats().filter((stat) => stat === 'rmsg' || stat === 'rreq')).toEqual(['rmsg']);
  });

  test('who accepts what nobody offered, or talks nonsense, is not heard', async () => {
    await using lan = await LanshareLan.make();
    const bob = await lan.start('bob', '127.0.0.3');
    const eve = new Stranger(lan.ports.tcpPort);
    const racp = { ...eve.request({ stat: 'racp' }), destination: '/x', port: '9' };
    for (const object of [racp, { stat: 'sreq' }, 'x', '', 'x'.repeat(100_000)]) {
      expect(await eve.say(bob.ip, object)).toBe(false);
    }
    expect(bob.events).toEqual([]);
  });

  test('may ask for so much only', async () => {
    await using lan = await LanshareLan.make();
    const bob = await lan.start('bob', '127.0.0.3');
    const eve = new Stranger(lan.ports.tcpPort);
    const taken: boolean[] = [];
    for (let at = 0; at < 40; at += 1)
      taken.push(await eve.say(bob.ip, eve.request({ dir: `${at}` })));
    expect(taken.filter((one) => one).length).toBe(32);
    for (let at = 0; at < 200; at += 1) await eve.say(bob.ip, eve.request({ dir: '0' }));
    await bob.hears({ content: 'warning', ip: eve.ip, reason: 'it says too much' });
  });

  test('that does not take the bytes ends nothing but its own transfer', async () => {
    await using lan = await LanshareLan.make();
    const [ann] = await pair(lan);
    const dir = lan.path('f');
    await writeFile(dir, someBytes(100_000));
    const eve = new Stranger(lan.ports.tcpPort);
    const server = createServer((socket: Socket) => socket.resume().end());
    server.listen(lan.ports.tcpPort, eve.ip);
    const data = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .once('data', () => socket.end('{"stat":"offset","offset":"100001"}')),
    );
    data.listen(0, eve.ip);
    await Promise.all([once(server, 'listening'), once(data, 'listening')]);
    try {
      ann.say({ stat: 'creq', ip: eve.ip, dir });
      await ann.hears({ stat: 'sreq' });
      const address = data.address();
      const port = String(typeof address === 'object' ? address?.port : 0);
      const racp = { ...eve.request({ stat: 'racp', dir }), destination: '/x', port };
      expect(await eve.say(ann.ip, racp)).toBe(true);
      await ann.hears({ stat: 'racp', username: 'eve', ip: eve.ip, port });
      await ann.hears({
        about: 'fprg',
        reason: 'the receiver does not keep to the protocol (OUT_OF_TURN: accepted)',
      });
      await ann.hears({ stat: 'fprg', port });
    } finally {
      server.close();
      data.close();
    }
  });
});

test('an engine that ends waits for a file that is being opened, and leaves nothing of it', async () => {
  await using lan = await LanshareLan.make();
  const dir = lan.path('f');
  await writeFile(dir, 'hello');
  let begun = false;
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const ann = await lan.start('ann', '127.0.0.2');
  const bob = await lan.start('bob', '127.0.0.3', {
    openSink: async (folder, header) => {
      begun = true;
      await held;
      return ReceivedFile.open(folder, header, () => undefined);
    },
  });
  await meet(ann, bob);
  await ask(ann, bob, dir);
  bob.say({ stat: 'cacp', ip: ann.ip, dir, dest: bob.folder });
  await until('the file', () => begun);
  let ended = false;
  const closing = bob.engine.close().then(() => {
    ended = true;
  });
  await bob.hears({ stat: 'fprg', ip: ann.ip });
  // As long as it takes to end where there is nothing to wait for.
  await ann.engine.close();
  expect(ended).toBe(false);
  goOn();
  await closing;
  expect(await readdir(bob.folder)).toEqual([]);
});
