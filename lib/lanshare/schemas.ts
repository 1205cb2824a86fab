import Type from 'typebox';

/** The limits of texts; what is longer makes no sense. */
const MAX_NAME = 64;
export const MAX_PATH = 4096;
const MAX_FILE_NAME = 1024;
export const MAX_TEXT = 16_384;
const MAX_REASON = 1024;

const ip = Type.String({ format: 'ipv4', description: 'the address of the other peer' });
const username = Type.String({
  minLength: 1,
  maxLength: MAX_NAME,
  description: 'of the other peer',
});
const dir = Type.String({
  minLength: 1,
  maxLength: MAX_PATH,
  description: 'path of the file at the sender; with ip it names the request',
});
const bytes = (description: string) =>
  Type.String({ pattern: '^[0-9]{1,15}$', description: `${description}, in bytes` });
const port = Type.String({ pattern: '^[0-9]{1,5}$', description: 'port of the transfer' });
const speed = Type.String({ pattern: '^[0-9]{1,9}$', description: 'in kB/s' });
const fileName = Type.String({ minLength: 1, maxLength: MAX_FILE_NAME });
const fileType = Type.String({
  maxLength: MAX_FILE_NAME,
  description: 'what follows the last dot',
});
const isFile = Type.Literal('file');
const text = Type.String({ minLength: 1, maxLength: MAX_TEXT });
const reason = Type.String({ maxLength: MAX_REASON, description: 'for people' });

const says = <Stat extends string, Fields extends Type.TProperties>(
  stat: Stat,
  description: string,
  fields: Fields,
) => Type.Object({ stat: Type.Literal(stat), ...fields }, { description });

/** What a front end sends (document, "Commands"). Fields that are not named are ignored. */
export const COMMANDS = {
  creq: says('creq', 'ask somebody whether he wants a file', { ip, dir }),
  cacp: says('cacp', 'accept a request', {
    ...{ ip, dir },
    dest: Type.String({ minLength: 1, maxLength: MAX_PATH, description: 'the folder for it' }),
  }),
  crej: says('crej', 'reject a request', { ip, dir }),
  cmsg: says('cmsg', 'send a message', {
    ip,
    to: Type.String({ maxLength: MAX_NAME, description: 'username of the other peer' }),
    msg: text,
  }),
  kprg: says('kprg', 'stop the transfers with this port, or with `ip` that with this peer', {
    port,
    ip: Type.Optional(ip),
  }),
  reshs: says('reshs', 'say hello again, and tell who is there', {}),
};

const position = {
  ...{ username, ip, port, dir },
  total: bytes('size of the file'),
  current: bytes('how far it is'),
  speed,
};
const message = (description: string) => ({
  person: Type.String({ minLength: 1, maxLength: MAX_NAME, description }),
  content: text,
  contentType: Type.Literal('text'),
});
const info = <Content extends string, Fields extends Type.TProperties>(
  content: Content,
  description: string,
  fields: Fields,
) => says('info', description, { content: Type.Literal(content), ...fields });

/** What is said of requests, answers and messages. @param address how `ip` has to look */
function exchanges(address: Type.TString) {
  const about = { username, ip: address, dir, fileName, fileType };
  const offered = { ...about, fileSize: bytes('size of the file'), contentType: isFile };
  const accepted = {
    ...about,
    destination: Type.String({ maxLength: MAX_PATH, description: 'the folder at the receiver' }),
    ...{ port, contentType: isFile },
  };
  return {
    rreq: says('rreq', 'somebody offers you a file', offered),
    sreq: says('sreq', 'your request has arrived', offered),
    freq: says('freq', 'your request has not arrived, or was not answered', offered),
    racp: says('racp', 'your request was accepted', accepted),
    sacp: says('sacp', 'your acceptance has arrived', accepted),
    facp: says('facp', 'your acceptance has not arrived', accepted),
    rrej: says('rrej', 'your request was rejected', offered),
    srej: says('srej', 'your rejection has arrived', offered),
    frej: says('frej', 'your rejection has not arrived', offered),
    rmsg: says('rmsg', 'somebody writes to you', message('who wrote it')),
    smsg: says('smsg', 'your message has arrived', message('you')),
    fmsg: says('fmsg', 'your message has not arrived', message('you')),
  };
}

/** What engines say to each other; where it comes from counts, and not what they say of `ip`. */
export const PEER_MESSAGES = exchanges(Type.String({ maxLength: 64 }));

/** Everything that an engine tells its front end. */
export const EVENTS = {
  ...exchanges(ip),
  rprg: says('rprg', 'how far a download is', position),
  sprg: says('sprg', 'how far an upload is', position),
  fprg: says('fprg', 'a transfer has failed', position),
  dprg: says('dprg', 'a transfer is done', {
    ...{ username, ip, port },
    total: bytes('size of the file'),
    current: bytes('the same'),
    speed: Type.Literal('0'),
  }),
  online: says('online', 'somebody is there', { ip, username }),
  offline: says('offline', 'somebody has left', { ip, username }),
};

/** The contents of `info`. */
export const INFOS = {
  activeUploadFull: info('activeUploadFull', 'there are 25 uploads already', {}),
  activeDownloadFull: info('activeDownloadFull', 'there are 25 downloads already', {}),
  ready: info('ready', 'the engine is there; the first event on standard output', {}),
  badCommand: info('badCommand', 'a command is not understood, or cannot be carried out', {
    reason,
  }),
  failure: info('failure', 'why the event that follows says that something failed', {
    about: Type.String({ description: 'the stat of that event' }),
    ip,
    dir: Type.String({ maxLength: MAX_PATH, description: 'of the file; empty for messages' }),
    reason,
  }),
  requestEnded: info('requestEnded', 'a request needs no answer any more', { ip, dir }),
  saved: info('saved', 'where a file is that was received', {
    ...{ ip, dir },
    path: Type.String({ description: 'path of the file here' }),
  }),
  warning: info('warning', 'a peer did what it may not do', { ip, reason }),
};

/** One datagram of presence (document, "Handshake Port"). */
export const PRESENCE = Type.Object({
  stat: Type.Union([Type.Literal('online'), Type.Literal('offline')]),
  ip: Type.String({ maxLength: 64 }),
  username,
});

/** The first line of a data connection, by the sender. */
export const DATA_HEADER = Type.Object({
  fileName,
  fileSize: bytes('size of the file'),
  sha256: Type.String({ pattern: '^[0-9a-fA-F]{64}$' }),
});

/** What the receiver says on a data connection. */
export const DATA_ANSWER = Type.Union([
  Type.Object({ stat: Type.Literal('offset'), offset: bytes('where to begin') }),
  Type.Object({ stat: Type.Literal('done') }),
  Type.Object({ stat: Type.Literal('failed'), reason: Type.String() }),
]);
