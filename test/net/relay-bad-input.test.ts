import { test } from 'vitest';
import { INPUTS } from '../support/long.ts';
import { throwInputs } from '../support/relay-inputs.ts';

test.each(['command', 'notification', 'data'] as const)(
  `${INPUTS} wrong inputs to the %s port harm nobody`,
  (kind) => throwInputs(kind, INPUTS),
);
