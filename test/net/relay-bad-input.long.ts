import { test } from 'vitest';
import { throwInputs } from '../support/relay-inputs.ts';

const INPUTS = 10_000;

test.each(['command', 'notification', 'data'] as const)(
  `${INPUTS} wrong inputs to the %s port harm nobody`,
  (kind) => throwInputs(kind, INPUTS),
);
