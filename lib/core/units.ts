/** `500K`: a number, with K, M, G or T for thousands, millions and so on; `undefined` when it is none. */
export function parseAmount(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/i.exec(text) ?? [];
  const factor = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }[unit.toUpperCase()];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** `5%` or `0.05`: a share from 0 to 1; `undefined` when it is none. */
export function parseShare(text: string): number | undefined {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(\s?%)?$/.exec(text) ?? [];
  const share = Number(digits) / (percent === undefined ? 1 : 100);
  return share <= 1 ? share : undefined;
}
