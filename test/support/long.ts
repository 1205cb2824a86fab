/** Whether there is time: by `npm run test:long` some tests have more cases. */
export const isLong = process.env.WIRELAB_LONG === '1';
