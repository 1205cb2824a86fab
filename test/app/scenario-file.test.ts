import { describe, expect, test } from 'vitest';
import { scenarioOf } from '../../lib/app/scenario-file.ts';

describe('what flags say beside a scenario', () => {
  const none = { toClient: {}, toServer: {}, tcp: {} };

  test('counts in its place', () => {
    const ready = scenarioOf('wifi', none);
    const toClient = { loss: '7%' };
    const { toClient: faults } = scenarioOf('wifi', { ...none, toClient });
    expect(faults).toEqual({ ...ready.toClient, loss: 0.07 });
  });

  test('adds its rules to those of the scenario', () => {
    const { toClient } = scenarioOf('every-third', {
      ...none,
      toClient: { rules: ['duplicate seq=7', 'drop seq=last'] },
    });
    expect(toClient.rules?.map(({ action }) => action.type)).toEqual(['drop', 'duplicate', 'drop']);
  });

  test('is all where there is no scenario', () => {
    const toClient = { rules: ['drop seq=7'] };
    expect(scenarioOf(undefined, { ...none, toClient }).toClient.rules).toHaveLength(1);
    expect(scenarioOf(undefined, none).toClient).toEqual({});
  });
});
