/** Instead of a local address: the system's choice. */
export const ANY = 'any';

/** Where from and where to. */
export interface Route {
  /** The local address, or {@link ANY}. */
  readonly from: string;
  readonly server: string;
  readonly port: number;
}
