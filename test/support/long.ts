/** Whether there is time: by `npm run test:long` some tests have more cases. */
export const isLong = process.env.WIRELAB_LONG === '1';
/** Wrong inputs for each port. */
export const INPUTS = isLong ? 10_000 : 2000;
