import type { DeciderOptions } from '../deciders.js';

export type ServerOptions = DeciderOptions;

export interface LimitedServer {
  readonly port: number;
  /** @throws Error when something else decided than what was to be timed */
  readonly check?: () => void;
}

export interface CallerRequest {
  readonly headers: { readonly authorization?: string };
}

/** Whose budget a request spends, for every contestant. */
export function callerOf({ headers: { authorization = '' } }: CallerRequest): string {
  return authorization;
}
