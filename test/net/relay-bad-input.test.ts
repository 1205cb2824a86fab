import { test } from 'vitest';
import { isLong } from '../support/long.ts';
import { throwInputs } from '../support/relay-inputs.ts';

/** Three ports with ten thousand each take longer. */
const INPUTS = isLong ? 10_000 : 2000;

test.each(['command', 'notification', 'data'] as const)(
  `${INPUTS} wrong inputs to the %s port harm nobody`,
  (kind) => throwInputs(kind, INPUTS),
);
