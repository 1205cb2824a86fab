import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeCommand,
  decodeDataAnswer,
  decodeDataHeader,
  decodePeerMessage,
  decodePresence,
  encodeDataAnswer,
  encodeDataHeader,
  encodeEvent,
  encodePresence,
} from '../../lib/lanshare/codec.ts';
import { failureOf } from '../../lib/lanshare/failure.ts';
import type { DataAnswer, Event, Info, Step } from '../../lib/lanshare/messages.ts';
import { EVENTS, INFOS } from '../../lib/lanshare/schemas.ts';
import { lanshareSchemaText } from '../support/lanshare-schema.ts';
import vectors from '../vectors/lanshare.json' with { type: 'json' };

/** The fields of every event of the document, in its order. */
const REQUEST = 'stat username ip dir fileName fileType fileSize contentType';
const ACCEPTANCE = 'stat username ip dir fileName fileType destination port contentType';
const PROGRESS = 'stat username ip port dir total current speed';
const MESSAGE = 'stat person content contentType';
const DOCUMENT: Readonly<Record<string, string>> = {
  ...{ online: 'stat ip username', offline: 'stat ip username' },
  ...{ rreq: REQUEST, sreq: REQUEST, freq: REQUEST },
  ...{ racp: ACCEPTANCE, sacp: ACCEPTANCE, facp: ACCEPTANCE },
  ...{ rrej: REQUEST, srej: REQUEST, frej: REQUEST },
  ...{ rprg: PROGRESS, sprg: PROGRESS, fprg: PROGRESS },
  dprg: 'stat username ip port total current speed',
  ...{ rmsg: MESSAGE, smsg: MESSAGE, fmsg: MESSAGE },
};

const person = { username: 'bob', ip: '10.0.0.3' };
const file = { dir: '/home/ann/a.tar.gz', name: 'a.tar.gz', size: 2043 };
const position = { person, port: 9996, dir: file.dir, total: 2043, current: 7, speed: 3 };
const STEPS: readonly Step[] = ['received', 'sent', 'failed'];
const EXAMPLES: readonly Event[] = [
  ...(['online', 'offline'] as const).map((status) => ({
    ...{ type: 'presence' as const, status, person },
  })),
  ...STEPS.flatMap((step): Event[] => [
    { type: 'request', step, person, file },
    { type: 'acceptance', step, person, file, destination: '/home/bob', port: 9996 },
    { type: 'rejection', step, person, file },
    { type: 'message', step, person: 'bob', text: 'hello\nyou' },
  ]),
  ...(['receiving', 'sending', 'failed'] as const).map((step) => ({
    ...{ type: 'progress' as const, step, ...position },
  })),
  { type: 'done', person, port: 9996, total: 2043 },
];
const INFO_EXAMPLES: readonly Info[] = [
  { content: 'activeUploadFull' },
  { content: 'activeDownloadFull' },
  { content: 'ready' },
  { content: 'badCommand', reason: 'x' },
  { content: 'failure', about: 'freq', ip: '10.0.0.3', dir: '/x', reason: 'y' },
  { content: 'requestEnded', ip: '10.0.0.3', dir: '/x' },
  { content: 'saved', ip: '10.0.0.3', dir: '/x', path: '/y' },
  { content: 'warning', ip: '10.0.0.3', reason: 'y' },
];

const schemaText = readFileSync(new URL('../../lib/lanshare/schema.json', import.meta.url), 'utf8');
const ajv = new Ajv2020({ formats: { ipv4: /^\d+\.\d+\.\d+\.\d+$/ } });
ajv.addSchema(JSON.parse(schemaText) as object, 'lanshare');

function isValid(name: string, value: unknown): boolean {
  const validate = ajv.getSchema(`lanshare#/$defs/${name}`);
  if (validate === undefined) throw new Error(`there is no schema ${name}`);
  return validate(value) === true;
}

test('schema.json is what the schemas say (npm run schema)', () => {
  expect(schemaText).toBe(lanshareSchemaText);
});

describe('events', () => {
  test('are all those of the document', () => {
    const stats = EXAMPLES.map(
      (event) => (JSON.parse(encodeEvent(event)) as { stat: string }).stat,
    );
    expect(stats.sort()).toEqual(Object.keys(DOCUMENT).sort());
    expect(Object.keys(EVENTS).sort()).toEqual(Object.keys(DOCUMENT).sort());
    expect(INFO_EXAMPLES.map(({ content }) => content).sort()).toEqual(Object.keys(INFOS).sort());
  });

  test.each(EXAMPLES.map((event) => [encodeEvent(event)]))('%s', (text) => {
    const value = JSON.parse(text) as Record<string, unknown> & { stat: string };
    expect(Object.keys(value).join(' ')).toBe(DOCUMENT[value.stat]);
    expect(Object.values(value).every((one) => typeof one === 'string')).toBe(true);
    expect(isValid(value.stat, value)).toBe(true);
    expect(isValid('event', value)).toBe(true);
    expect(isValid(value.stat, { ...value, more: '' })).toBe(false);
  });

  test.each(INFO_EXAMPLES)('info $content', (info) => {
    const value = JSON.parse(encodeEvent({ type: 'info', ...info })) as object;
    expect(value).toEqual({ stat: 'info', ...info });
    expect(isValid(`info-${info.content}`, value)).toBe(true);
    expect(isValid('event', value)).toBe(true);
  });

  test('their values are those of the document', () => {
    expect(EXAMPLES.map((event) => JSON.parse(encodeEvent(event)) as unknown)).toEqual(
      expect.arrayContaining([
        {
          ...{ stat: 'rreq', username: 'bob', ip: '10.0.0.3', dir: '/home/ann/a.tar.gz' },
          ...{ fileName: 'a.tar.gz', fileType: 'gz', fileSize: '2043', contentType: 'file' },
        },
        {
          ...{ stat: 'sprg', username: 'bob', ip: '10.0.0.3', dir: '/home/ann/a.tar.gz' },
          ...{ port: '9996', total: '2043', current: '7', speed: '3' },
        },
        {
          ...{ stat: 'dprg', username: 'bob', ip: '10.0.0.3' },
          ...{ port: '9996', total: '2043', current: '2043', speed: '0' },
        },
        { stat: 'smsg', person: 'you', content: 'hello\nyou', contentType: 'text' },
        { stat: 'rmsg', person: 'bob', content: 'hello\nyou', contentType: 'text' },
      ]),
    );
  });

  test('why something failed goes before', () => {
    const event: Event = { type: 'request', step: 'failed', person, file };
    expect(failureOf(event, '10.0.0.3', file.dir, 'gone')).toEqual({
      ...{ type: 'info', content: 'failure', about: 'freq' },
      ...{ ip: '10.0.0.3', dir: '/home/ann/a.tar.gz', reason: 'gone' },
    });
  });
});

describe('commands', () => {
  const ip = '10.0.0.3';
  test.each([
    [
      { stat: 'creq', ip, dir: '/x' },
      { type: 'request', ip, dir: '/x' },
    ],
    [
      { stat: 'cacp', ip, dir: '/x', dest: '/y' },
      { type: 'accept', ip, dir: '/x', dest: '/y' },
    ],
    [
      { stat: 'crej', ip, dir: '/x' },
      { type: 'reject', ip, dir: '/x' },
    ],
    [
      { stat: 'cmsg', ip, to: 'bob', msg: 'hi' },
      { type: 'message', ip, to: 'bob', text: 'hi' },
    ],
    [
      { stat: 'kprg', port: '9996' },
      { type: 'stop', port: 9996, ip: undefined },
    ],
    [
      { stat: 'kprg', port: '9996', ip },
      { type: 'stop', port: 9996, ip },
    ],
    [{ stat: 'reshs' }, { type: 'greet' }],
  ])('%j', (wire, command) => {
    expect(isValid(wire.stat, wire)).toBe(true);
    expect(isValid('command', wire)).toBe(true);
    expect(decodeCommand(JSON.stringify({ ...wire, more: 1 }))).toEqual(command);
  });

  test.each([
    ['', 'there is no command'],
    ['[]', 'there is no command'],
    ['{"stat":1}', 'there is no command'],
    ['{"stat":"toString"}', 'there is no command toString'],
    ['{"stat":"creq","ip":"10.0.0.3"}', 'creq: must have required properties dir'],
    ['{"stat":"creq","ip":"nobody","dir":"x"}', 'creq: ip must match format'],
    ['{"stat":"kprg","port":9996}', 'kprg: port must be string'],
  ])('%s is none', (text, reason) => {
    expect(() => decodeCommand(text)).toThrow(`BAD_COMMAND: ${reason}`);
  });
});

describe('what engines say to each other', () => {
  test.each(
    EXAMPLES.filter(
      (event) => 'step' in event && event.step === 'received' && event.type !== 'acceptance',
    ),
  )('$type', (event) => {
    // Where it comes from is the truth.
    const decoded = decodePeerMessage(encodeEvent(event), '10.0.0.9');
    expect(decoded).toEqual(
      event.type === 'message' ? event : { ...event, person: { ...person, ip: '10.0.0.9' } },
    );
  });

  test('an acceptance knows no size', () => {
    const text = encodeEvent({
      ...{ type: 'acceptance', step: 'received', person, file },
      ...{ destination: '/y', port: 9996 },
    });
    expect(decodePeerMessage(text, '10.0.0.3')).toEqual({
      ...{ type: 'acceptance', step: 'received', person },
      ...{ file: { dir: file.dir, name: file.name }, destination: '/y', port: 9996 },
    });
    expect(() => decodePeerMessage(text.replace('9996', '0'), '10.0.0.3')).toThrow('NO_MESSAGE');
  });

  const rreq = JSON.parse(
    encodeEvent({ type: 'request', step: 'received', person, file }),
  ) as object;
  test.each([
    {},
    { ...rreq, stat: 'sreq' },
    { ...rreq, stat: 'rprg' },
    { ...rreq, username: '' },
    { ...rreq, username: '\u001b[2J' },
    { ...rreq, fileName: 'a\nb' },
    { ...rreq, fileSize: 5 },
    { ...rreq, fileSize: '-5' },
    { ...rreq, contentType: 'folder' },
    { ...rreq, dir: 'x'.repeat(5000) },
  ])('not %j', (value) => {
    expect(() => decodePeerMessage(JSON.stringify(value), '10.0.0.3')).toThrow('NO_MESSAGE');
  });

  test('presence', () => {
    const text = encodePresence('online', person);
    expect(JSON.parse(text)).toEqual({ stat: 'online', ip: '10.0.0.3', username: 'bob' });
    expect(decodePresence(text)).toEqual({ status: 'online', username: 'bob' });
    expect(decodePresence(text.replace('online', 'here'))).toBeUndefined();
    expect(decodePresence(text.replace('bob', '\\u001b'))).toBeUndefined();
    expect(decodePresence('{')).toBeUndefined();
  });

  test('the lines of a data connection', () => {
    const header = { name: 'a', size: 5, sha256: 'ab'.repeat(32) };
    expect(encodeDataHeader(header)).toBe(
      `{"fileName":"a","fileSize":"5","sha256":"${'ab'.repeat(32)}"}\n`,
    );
    expect(decodeDataHeader(encodeDataHeader(header).replaceAll('ab', 'AB'))).toEqual(header);
    expect(() => decodeDataHeader('{"fileName":"a","fileSize":"5"}')).toThrow('NO_MESSAGE');
    expect(encodeDataAnswer({ type: 'offset', offset: 7 })).toBe(
      '{"stat":"offset","offset":"7"}\n',
    );
    expect(encodeDataAnswer({ type: 'done' })).toBe('{"stat":"done"}\n');
    for (const answer of [
      { type: 'offset', offset: 7 },
      { type: 'done' },
      { type: 'failed', reason: 'full' },
    ] as const) {
      expect(decodeDataAnswer(encodeDataAnswer(answer))).toEqual(answer);
    }
    expect(() => decodeDataAnswer('{"stat":"offset"}')).toThrow('NO_MESSAGE');
  });

  test('of any kind is never an error of ours', () => {
    const stats = fc.constantFrom('creq', 'cmsg', 'rreq', 'racp', 'rmsg', 'online', 'offset');
    const property = fc.property(fc.jsonValue(), stats, (value, stat) => {
      const text = JSON.stringify({ ...(value as object), stat, ip: '1.2.3.4', dir: value });
      decodePresence(text);
      for (const decode of [decodeCommand, decodeDataAnswer, decodeDataHeader, decodePeerMessage]) {
        try {
          decode(text, '1.2.3.4');
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(/^(BAD_COMMAND|NO_MESSAGE)$/),
          });
        }
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe('the vectors', () => {
  const bytes = (hex: string): string => Buffer.from(hex, 'hex').toString();
  const hexOf = (text: string): string => Buffer.from(text).toString('hex');
  const person = { username: 'ann', ip: vectors.from };

  test.each(vectors.presence)('$message.status $hex', ({ hex, message }) => {
    expect(decodePresence(bytes(hex))).toEqual(message);
    expect(hexOf(encodePresence(message.status as 'online' | 'offline', person))).toBe(hex);
  });

  test.each(vectors.messages)('$message.type $hex', ({ hex, message }) => {
    expect(decodePeerMessage(bytes(hex), vectors.from)).toEqual(message);
    expect(hexOf(encodeEvent(message as Event))).toBe(hex);
  });

  test.each(vectors.header)('header $hex', ({ hex, message }) => {
    expect(decodeDataHeader(bytes(hex))).toEqual(message);
    expect(hexOf(encodeDataHeader(message))).toBe(hex);
  });

  test.each(vectors.answers)('$message.type $hex', ({ hex, message }) => {
    expect(decodeDataAnswer(bytes(hex))).toEqual(message);
    expect(hexOf(encodeDataAnswer(message as DataAnswer))).toBe(hex);
  });

  test.each(vectors.wrong)('$error: $hex', ({ hex, error }) => {
    expect(() => decodePeerMessage(bytes(hex), vectors.from)).toThrow(error);
  });
});
