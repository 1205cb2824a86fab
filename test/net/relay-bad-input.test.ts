import { test } from 'vitest';
import { throwInputs } from '../support/relay-inputs.ts';

/** Ten thousand for each port take longer: see `relay-bad-input.long.ts`. */
const INPUTS = 2000;

test.each(['command', 'notification', 'data'] as const)(
  `${INPUTS} wrong inputs to the %s port harm nobody`,
  (kind) => throwInputs(kind, INPUTS),
);
