import type { ArgumentsHost } from '@nestjs/common';

import type { PathParameters } from '../demand.js';

/** Header names in lower case. What a transport has instead of headers is put into this form. */
export type CredentialHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A connection that outlives one call, of `ws` or Socket.IO. */
export interface ClientSocket {
  once(event: string, listener: () => void): unknown;
  /** Socket.IO: sends. */
  emit?(event: string, body: object): unknown;
  readonly handshake?: unknown;
  /** `ws`: 1 while it is open. */
  readonly readyState?: number;
  /** Socket.IO: true while it is open. */
  readonly connected?: boolean;
  close?(code: number, reason: string): void;
  disconnect?(close: boolean): unknown;
}

/** Where a call over one transport keeps what the guard needs. */
export interface Transport {
  headers(host: ArgumentsHost): CredentialHeaders;
  /** What the caller names the thing by, for `@RequireOrganization`: path parameters, arguments or the message. */
  parameters(host: ArgumentsHost): PathParameters;
  /** An object that lives as long as the call, and that no other call shares: what was proved is kept there. */
  carrier(host: ArgumentsHost): object;
  /** What the calls of one operation share, where they do: handlers that no guard stands before find there what the others proved. */
  operation?(host: ArgumentsHost): object;
  /** The connection that the call leaves open, if it does. */
  socket?(host: ArgumentsHost): ClientSocket | null;
}
