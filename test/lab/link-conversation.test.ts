import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { type Agreed, LinkConversation, type Passed } from '../../lib/lab/link-conversation.ts';

/** The port that the link puts in place of the peer's. */
const OWN = 4444;

/** A conversation through a link: what each side gets, and what was agreed on. */
class Talk {
  readonly #conversation = new LinkConversation();
  readonly agreed: Agreed[] = [];
  readonly heard = { client: '', server: '' };
  /** The same, with the peer's port where the link has put its own. */
  readonly original = { client: '', server: '' };
  #now = 0;

  client(text: string): this {
    this.#hear(
      'server',
      this.#conversation.fromClient(Buffer.from(text, 'latin1'), millis(this.#now)),
    );
    return this;
  }

  server(text: string): this {
    this.#hear(
      'client',
      this.#conversation.fromServer(Buffer.from(text, 'latin1'), millis(this.#now)),
    );
    return this;
  }

  silence(span = 60): this {
    this.#now += span;
    this.#hear('server', this.#conversation.onTimeout(millis(this.#now)));
    this.#hear('client', this.#conversation.onAnswerTimeout(millis(this.#now)));
    return this;
  }

  end(): this {
    this.#hear('server', this.#conversation.end());
    this.#hear('client', this.#conversation.endOfServer());
    return this;
  }

  #hear(side: 'client' | 'server', all: Iterable<Passed>): void {
    for (const one of all) {
      if (!Buffer.isBuffer(one)) this.agreed.push(one.agreed);
      const text = (port: number): string =>
        Buffer.isBuffer(one) ? one.toString('latin1') : one.text(port);
      this.heard[side] += text(OWN);
      this.original[side] += text(Buffer.isBuffer(one) ? 0 : one.agreed.port);
    }
  }
}

describe('a conversation through a link', () => {
  test('of line peers: the port of the client becomes that of the link', () => {
    const talk = new Talk()
      .client('connect|ann\n')
      .server('ann is connected\nconnected\n')
      .client('download|q.txt\n')
      .server('|24\n')
      .client('51234\n')
      .client('3 5 7\n');
    expect(talk.heard.server).toBe('connect|ann\ndownload|q.txt\n4444\n3 5 7\n');
    expect(talk.heard.client).toBe('ann is connected\nconnected\n|24\n');
    expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 24 }]);
  });

  test('of bare peers: the same, when the first re-request has come with the number', () => {
    const talk = new Talk()
      .client('connect|ann')
      .server('ann is connectedconnected')
      .client('download|q.txt')
      .server('|24')
      .client('51234')
      .client('0 1 2 3')
      .silence();
    expect(talk.heard.server).toBe('connect|anndownload|q.txt44440 1 2 3');
    expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 24 }]);
  });

  test.each(['stop', ' stop', '0 1', '\r'])(
    'of bare peers: what is glued to the number, %j, passes as it came',
    (behind) => {
      const talk = new Talk().client('connect|ann').server('ann is connectedconnected');
      talk.client('download|q.txt').server('|0').client(`51234${behind}`).silence();
      expect(talk.heard.server).toBe(`connect|anndownload|q.txt4444${behind}`);
      expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 0 }]);
    },
  );

  test('of bare peers: the same, when nothing follows the number', () => {
    const talk = new Talk()
      .client('connect|ann')
      .server('ann is connectedconnected')
      .client('download|q.txt')
      .server('|24')
      .client('51234');
    expect(talk.heard.server).toBe('connect|anndownload|q.txt');
    talk.silence();
    expect(talk.heard.server).toBe('connect|anndownload|q.txt4444');
    expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 24 }]);
    // The link reads on: a second download in the same conversation.
    talk.client('stop').server('User ann downloaded').client('download|z').server('|1');
    talk.client('51235').silence();
    expect(talk.agreed.map(({ port }) => port)).toEqual([51234, 51235]);
  });

  test('a number of a bare peer that comes in two pieces is one', () => {
    const talk = new Talk()
      .client('download|q')
      .server('|24')
      .client('51')
      .silence(5)
      .client('234');
    expect(talk.silence().agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 24 }]);
  });

  test('the as-written form, and CRLF', () => {
    const talk = new Talk().client('download|q\r\n').server('|3\r\n').client('127.0.0.1|51234\r\n');
    expect(talk.heard.server).toBe('download|q\r\n127.0.0.1|4444\r\n');
  });

  test('the fast profile: the port of the server becomes that of the link', () => {
    const answer = '|9|fast=1|key=ab|port=50001|rate=5\n';
    const talk = new Talk()
      .client('download|q|fast=1|mtu=1500\n')
      .server('bob: hi\n')
      .server(answer);
    expect(talk.heard.client).toBe('bob: hi\n|9|fast=1|key=ab|port=4444|rate=5\n');
    expect(talk.agreed).toEqual([{ by: 'server', port: 50001, segmentCount: 9 }]);
  });

  test('the fast profile that the server does not know', () => {
    const talk = new Talk().client('download|q|fast=1\n').server('|9\n').client('51234\n');
    expect(talk.heard).toEqual({ client: '|9\n', server: 'download|q|fast=1\n4444\n' });
    expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 9 }]);
  });

  test('the fast profile, asked of a bare server', () => {
    const talk = new Talk().client('download|q|fast=1\n').server('|9').silence();
    expect(talk.heard.client).toBe('|9');
  });

  test('a refused download is over: numbers are numbers again', () => {
    const talk = new Talk().client('download|q\n').server("Can't download. File not found\n");
    talk.client('51234\n');
    expect(talk.heard.server).toBe('download|q\n51234\n');
    expect(talk.agreed).toEqual([]);
  });

  test('what looks like an address elsewhere passes as it is', () => {
    const talk = new Talk().client('msg_all|download|q\n51234\n').server('|5\n').client('51234\n');
    expect(talk.heard.server).toBe('msg_all|download|q\n51234\n51234\n');
    expect(talk.agreed).toEqual([]);
  });

  test('whoever says something else before the answer says his address later', () => {
    const talk = new Talk().client('download|q\n').client('get_users\n').server('|40\n');
    talk.client('51234\n');
    expect(talk.heard.server).toBe('download|q\nget_users\n4444\n');
    expect(talk.agreed).toEqual([{ by: 'client', port: 51234, segmentCount: 40 }]);
  });

  test('no port: it passes as it is', () => {
    const talk = new Talk().client('download|q\n').server('|5\n').client('99999\nhello\n').end();
    expect(talk.heard.server).toBe('download|q\n99999\nhello\n');
  });

  test('passes the words of a client in their order, when the server answers while some are held back', () => {
    for (const answer of ['\r\n', "\nCan't download. No\n"]) {
      const talk = new Talk().client('download|q|fast=1').server('|9|fast=1|port=7');
      talk.client('51').server(answer);
      talk.client('234').silence().end();
      expect(talk.original.server).toBe('download|q|fast=151234');
    }
  });

  test('passes every byte, whatever is said and however it is cut', () => {
    const word = fc.constantFrom(
      ...[
        'download|q',
        '|24',
        '51234',
        '127.0.0.1|51234',
        "Can't download. No",
        '|9|fast=1|port=7',
      ],
      ...['download|q|fast=1', '\n', '\r\n', 'msg_all|hi', '\0\xff', ' '],
    );
    const step = fc.tuple(fc.constantFrom('client', 'server', 'silence'), word);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const talk = new Talk();
        const said = { client: '', server: '' };
        for (const [who, text] of steps) {
          if (who === 'silence') talk.silence();
          else {
            talk[who as 'client' | 'server'](text);
            said[who as 'client' | 'server'] += text;
          }
        }
        talk.end();
        expect(talk.original).toEqual({ client: said.server, server: said.client });
      }),
      { numRuns: 2000 },
    );
  });
});
