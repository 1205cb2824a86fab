/**
 * The tools that are libraries for Node.js: one side of one download, in as few lines as each needs.
 * Plain JavaScript, so that no time goes into translating it. It is copied to a folder where the
 * packages are found.
 *
 * usage: node node-tools.mjs http|udx|utp|quic serve|get ADDRESS PORT FILE [KEY CERTIFICATE]
 */
import { createHmac, randomFillSync, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import http from 'node:http';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const [tool, side, address, portText, file, keyFile, certificateFile] = process.argv.slice(2);
const port = Number(portText);
const BLOCK = { highWaterMark: 2 ** 20 };

const TOOLS = {
  http: { serve: serveHttp, get: getHttp },
  udx: { serve: serveUdx, get: getUdx },
  utp: { serve: serveUtp, get: getUtp },
  quic: { serve: serveQuic, get: getQuic },
};
await TOOLS[tool][side]();
// Connections that would linger are no part of a download.
if (side === 'get') process.exit();

async function send(stream) {
  await pipeline(createReadStream(file, BLOCK), stream).catch(console.error);
}

async function save(stream) {
  await pipeline(stream, createWriteStream(file, BLOCK));
}

/** Of a stream with two ends, of which ours stays open: nothing but the end of theirs is waited for. */
async function saveHalf(stream) {
  await once(stream.pipe(createWriteStream(file, BLOCK)), 'finish');
}

function serveHttp() {
  http.createServer((_request, response) => send(response)).listen(port, address);
}

async function getHttp() {
  const request = http.get({ host: address, port });
  await save(
    await new Promise((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    }),
  );
}

/** Streams of udx have no handshake: a message says where the client is, until something comes. */
async function serveUdx() {
  const { default: UDX } = await import('udx-native');
  const udx = new UDX();
  const socket = udx.createSocket();
  const seen = new Set();
  socket.bind(port, address);
  socket.on('message', (_message, client) => {
    if (seen.has(client.port)) return;
    seen.add(client.port);
    const stream = udx.createStream(1);
    stream.connect(socket, 2, client.port, client.host);
    stream.resume();
    void send(stream);
  });
}

async function getUdx() {
  const { default: UDX } = await import('udx-native');
  const udx = new UDX();
  const socket = udx.createSocket();
  socket.bind(0);
  const stream = udx.createStream(2);
  stream.connect(socket, 1, port, address);
  const hello = () => socket.send(Buffer.from('hello'), port, address);
  const again = setInterval(hello, 200);
  stream.once('data', () => clearInterval(again));
  hello();
  await saveHalf(stream);
}

async function serveUtp() {
  const { default: utp } = await import('utp-native');
  utp.createServer((stream) => send(stream)).listen(port, address);
}

async function getUtp() {
  const { default: utp } = await import('utp-native');
  const stream = utp.connect(port, address);
  // The server learns of the connection by what comes on it.
  stream.write('hello');
  await saveHalf(stream);
}

async function serveQuic() {
  const { QUICServer, events } = await import('@matrixai/quic');
  const { default: Logger, LogLevel } = await import('@matrixai/logger');
  const key = randomFillSync(new Uint8Array(32)).buffer;
  const sign = (signKey, data) =>
    Uint8Array.from(createHmac('sha256', Buffer.from(signKey)).update(Buffer.from(data)).digest());
  const server = new QUICServer({
    logger: new Logger('server', LogLevel.SILENT),
    crypto: {
      key,
      ops: {
        sign: async (signKey, data) => sign(signKey, data).buffer,
        verify: async (signKey, data, signature) =>
          timingSafeEqual(sign(signKey, data), new Uint8Array(signature)),
      },
    },
    config: {
      key: readFileSync(keyFile, 'utf8'),
      cert: readFileSync(certificateFile, 'utf8'),
      verifyPeer: false,
    },
  });
  server.addEventListener(events.EventQUICServerConnection.name, ({ detail: connection }) => {
    connection.addEventListener(events.EventQUICConnectionStream.name, ({ detail: stream }) => {
      void send(Writable.fromWeb(stream.writable));
    });
  });
  await server.start({ host: address, port });
}

async function getQuic() {
  const { QUICClient } = await import('@matrixai/quic');
  const { default: Logger, LogLevel } = await import('@matrixai/logger');
  const client = await QUICClient.createQUICClient({
    host: address,
    port,
    localHost: '0.0.0.0',
    logger: new Logger('client', LogLevel.SILENT),
    crypto: { ops: { randomBytes: async (data) => void randomFillSync(new Uint8Array(data)) } },
    config: { verifyPeer: false },
  });
  const stream = client.connection.newStream();
  const writer = stream.writable.getWriter();
  // A stream is there for the server as soon as something has come on it.
  await writer.write(Uint8Array.of(0));
  await save(Readable.fromWeb(stream.readable));
}
