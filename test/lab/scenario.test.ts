import { describe, expect, test } from 'vitest';
import { parsePairs, readScenario, readWay } from '../../lib/lab/scenario.ts';
import { SCENARIOS } from '../../lib/lab/scenarios.ts';

describe('a scenario', () => {
  test('is read with its units', () => {
    const scenario = readScenario({
      about: 'all of it',
      'to-client': {
        ...{ loss: '5%', burst: '1%/20%/80%', duplicate: 0.1, corrupt: '2 %', truncate: '1%' },
        ...{ reorder: '3%', 'reorder-by': 9, delay: '20ms', jitter: 5, rate: '500K' },
        rules: ['drop seq=7 times=2'],
      },
      'to-server': { loss: 1, rate: 1000, queue: '2K' },
      tcp: { delay: 3, rate: '1M', split: 7, gap: 2, glue: 9, 'break-at': '2000bytes' },
    });
    expect(scenario.about).toBe('all of it');
    expect(scenario.toClient).toMatchObject({
      ...{ loss: 0.05, burst: { enter: 0.01, leave: 0.2, loss: 0.8 }, duplicate: 0.1 },
      ...{ corrupt: 0.02, truncate: 0.01, reorder: 0.03, reorderBy: 9, delay: 20, jitter: 5 },
      ...{ rate: 500_000, queue: 65_536 },
    });
    expect(scenario.toClient.rules?.[0]?.text).toBe('drop seq=7 times=2');
    expect(scenario.toServer).toEqual({ loss: 1, rate: 1000, queue: 2000 });
    expect(scenario.tcp).toEqual({
      ...{ delay: 3, rate: 1_000_000, split: 7, gap: 2, glue: 9 },
      breakAt: { type: 'bytes', count: 2000 },
    });
  });

  test('may leave out everything', () => {
    expect(readScenario({})).toEqual({ toClient: {}, toServer: {}, tcp: {} });
    expect(readScenario({ 'to-client': null })).toEqual({ toClient: {}, toServer: {}, tcp: {} });
  });

  test.each([
    [{ loss: '5%' }, "'loss' is not understood; a scenario has about, to-client"],
    [{ 'to-client': { lost: '5%' } }, "to-client: 'lost' is not understood; there are loss, burst"],
    [
      { 'to-client': { loss: '120%' } },
      "to-client: loss has to be a share, like 5% or 0.05, not '120%'",
    ],
    [{ 'to-client': { loss: -1 } }, 'loss has to be a share'],
    [{ 'to-client': { delay: 'soon' } }, 'delay has to be milliseconds'],
    [{ 'to-client': { delay: 1e9 } }, 'delay has to be milliseconds, at most 600000'],
    [{ 'to-client': { burst: '1%' } }, 'burst has to be ENTER/LEAVE'],
    [{ 'to-client': { burst: '1%/x' } }, 'burst has to be ENTER/LEAVE'],
    [{ 'to-client': { rate: 0 } }, 'rate has to be a number above 0'],
    [{ 'to-client': { rules: ['lose seq=1'] } }, "the rule 'lose seq=1' is not understood"],
    [{ tcp: { 'break-at': 'noon' } }, 'break-at has to be a moment'],
    [{ tcp: { constructor: 1 } }, "tcp: 'constructor' is not understood"],
    [{ 'to-client': 'loss' }, 'to-client has to be names with values'],
    [null, 'a scenario has to be names with values'],
    [['loss'], 'a scenario has to be names with values'],
  ])('%j is refused in words', (raw, words) => {
    expect(() => readScenario(raw)).toThrow(words);
  });

  test('can be said in a flag', () => {
    expect(readWay(parsePairs('loss=5%  delay=20'), 'x')).toEqual({ loss: 0.05, delay: 20 });
    expect(() => parsePairs('loss')).toThrow("'loss' is not understood: write it like loss=5%");
  });

  test.each(Object.entries(SCENARIOS))('that is ready can be read: %s', (_, raw) => {
    const scenario = readScenario(raw);
    expect(scenario.about).toBe(raw.about);
  });
});
