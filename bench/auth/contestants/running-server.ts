/** A server that answers `GET /who` with `{"userId":"…"}`. */
export interface RunningServer {
  readonly port: number;
  /** Whether each of these was verified before and is still known, where tokens are remembered. */
  readonly remembered?: (tokens: readonly string[]) => number;
}

export const HOST = '127.0.0.1';
