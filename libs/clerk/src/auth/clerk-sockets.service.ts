import type { IncomingHttpHeaders } from 'node:http';

import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';

import { ClerkError } from '../clerk-error.js';
import type { Auth, SessionAuth, TokenType } from './auth.js';
import { problemOf } from './http-errors.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { openingHeaders, setSocketHeaders, socketHeaders } from './transports/socket-headers.js';
import type { ClientSocket, CredentialHeaders } from './transports/transport.js';

/** The highest delay that a timer takes; a token that lives longer is looked at again then. */
const TIMER_MS_MAX = 2_147_483_647;
/** Opaque machine tokens do not say when they end: Clerk is asked as often as for requests. */
const OPAQUE_CHECK_MS = 60_000;
/** What graphql-ws has for it: after 4401 its client gives up, after 4403 it connects again with new parameters. */
const GRAPHQL_CLOSE_CODE = 4_403;
/** https://www.iana.org/assignments/websocket/websocket.xhtml (1013: try again later); 4000–4999 are for private use. */
const CLOSE_CODES: Readonly<Record<number, number>> = { 401: 4_401, 403: 4_403, 503: 1_013 };

export interface ConnectOptions {
  /** Kinds of token that are taken. @default session tokens only */
  readonly accepted?: readonly TokenType[];
  /** Name of the Clerk instance that has to prove it. @default by configuration */
  readonly instance?: string;
}

interface Watch {
  readonly auth: Auth;
  readonly closeCode: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Keeps connections no longer than the tokens that they were opened with. For gateways: `connect` in `handleConnection`, and
 * `renew` in the handler of a message that brings the next token; without it a connection lasts as long as a token, a minute.
 *
 * Closes with 4401 and the code of the error as reason: at once when the credentials are bad, at `exp`, and when the session
 * or its user is revoked. 1013 when it cannot be told now. Socket.IO has no close codes: its client is told by an event
 * `exception`, and disconnected.
 */
@Injectable()
export class ClerkSockets implements OnModuleDestroy {
  readonly #logger = new Logger(ClerkSockets.name);
  readonly #watched = new Map<ClientSocket, Watch>();
  /** By the ids of session and user. */
  readonly #socketsOf = new Map<string, Set<ClientSocket>>();

  constructor(private readonly authenticator: RequestAuthenticator) {
    authenticator.onRevoked((revocation) => {
      const id = revocation.kind === 'session' ? revocation.sessionId : revocation.userId;
      // What was issued after the revocation stays: the verifier knows.
      for (const socket of this.#socketsOf.get(id) ?? []) void this.#check(socket);
    });
  }

  onModuleDestroy(): void {
    for (const socket of this.#watched.keys()) this.#forget(socket);
  }

  /**
   * Who opened a connection; null when it was closed because that is not known. Never rejects for credentials.
   *
   * @param request the upgrade request that `ws` hands to `handleConnection`; Socket.IO has it in the socket
   */
  async connect(
    socket: ClientSocket,
    request?: { readonly headers: IncomingHttpHeaders },
    { accepted = ['session_token'], instance }: ConnectOptions = {},
  ): Promise<Auth | null> {
    const headers = openingHeaders(socket, request);
    setSocketHeaders(socket, headers);
    try {
      const auth = await this.authenticator.authenticate({ headers, accepted, instance: instance ?? null });
      this.#watch(auth, socket, CLOSE_CODES[401] ?? 0);
      return auth;
    } catch (error) {
      if (!(error instanceof ClerkError)) throw error;
      close(socket, error);
      return null;
    }
  }

  /**
   * Puts a new token of the same session and organisation in the place of the one that is about to expire.
   *
   * @throws ClerkError NOT_ALLOWED when the token is another session's, or for another organisation; TOKEN_*, SESSION_*, CLERK_*
   * as the guard's. The connection then stays as it was.
   */
  async renew(socket: ClientSocket, token: string): Promise<SessionAuth> {
    const before = this.#watched.get(socket);
    const headers = { ...socketHeaders(socket), authorization: `Bearer ${token}` };
    const instance = before?.auth.instance ?? null;
    const auth = await this.authenticator.authenticate({ headers, accepted: ['session_token'], instance });
    if (before === undefined || auth.tokenType !== 'session_token' || !isSame(before.auth, auth)) {
      throw new ClerkError(
        'NOT_ALLOWED',
        'The token is of another session or organisation: open a connection of its own for it.',
      );
    }
    setSocketHeaders(socket, headers);
    this.#watch(auth, socket, before.closeCode);
    return auth;
  }

  /** For GraphQL subscriptions, whose connection the guard does not open: it ends with the token that it was opened with. */
  closeWith(auth: Auth, socket: ClientSocket, headers: CredentialHeaders): void {
    setSocketHeaders(socket, headers);
    this.#watch(auth, socket, GRAPHQL_CLOSE_CODE);
  }

  #watch(auth: Auth, socket: ClientSocket, closeCode: number): void {
    const before = this.#watched.get(socket);
    if (!isOpen(socket) || before?.auth === auth) return;
    if (before === undefined) {
      socket.once('close', () => this.#forget(socket));
      socket.once('disconnect', () => this.#forget(socket));
    }
    for (const id of idsOf(auth)) this.#socketsOf.set(id, (this.#socketsOf.get(id) ?? new Set()).add(socket));
    this.#checkLater(auth, socket, closeCode);
  }

  #checkLater(auth: Auth, socket: ClientSocket, closeCode: number): void {
    clearTimeout(this.#watched.get(socket)?.timer);
    const timer = setTimeout(() => void this.#check(socket), checkDelayMs(auth)).unref();
    this.#watched.set(socket, { auth, closeCode, timer });
  }

  /** Closes what is no longer good, and looks again later at what is. Without an answer the connection stays, as sessions do. */
  async #check(socket: ClientSocket): Promise<void> {
    const watch = this.#watched.get(socket);
    if (watch === undefined) return;
    const { auth, closeCode } = watch;
    const error = await this.#refusalOf(auth, socket);
    // Renewed or gone meanwhile: what was asked about no longer counts.
    if (this.#watched.get(socket) !== watch) return;
    if (error === null) {
      this.#checkLater(auth, socket, closeCode);
      return;
    }
    this.#forget(socket);
    close(socket, error, closeCode);
  }

  /** Null when what the connection was opened with is good, or when that cannot be told now. */
  async #refusalOf(auth: Auth, socket: ClientSocket): Promise<ClerkError | null> {
    try {
      requireNotExpired(auth);
      const headers = socketHeaders(socket);
      await this.authenticator.authenticate({ headers, accepted: [auth.tokenType], instance: auth.instance });
      return null;
    } catch (error) {
      if (error instanceof ClerkError) return problemOf(error).status === 503 ? null : error;
      this.#logger.error(error);
      return null;
    }
  }

  #forget(socket: ClientSocket): void {
    const watch = this.#watched.get(socket);
    if (watch === undefined) return;
    clearTimeout(watch.timer);
    this.#watched.delete(socket);
    for (const id of idsOf(watch.auth)) {
      const sockets = this.#socketsOf.get(id);
      sockets?.delete(socket);
      if (sockets?.size === 0) this.#socketsOf.delete(id);
    }
  }
}

function isSame(one: Auth, other: SessionAuth): boolean {
  return (
    one.tokenType === 'session_token' &&
    one.sessionId === other.sessionId &&
    one.userId === other.userId &&
    one.instance === other.instance &&
    one.organization?.id === other.organization?.id
  );
}

function idsOf(auth: Auth): readonly string[] {
  return auth.tokenType === 'session_token' ? [auth.sessionId, auth.userId] : [auth.subject];
}

function checkDelayMs({ expiresAtMs }: Auth): number {
  if (expiresAtMs === null) return OPAQUE_CHECK_MS;
  return Math.min(Math.max(expiresAtMs - Date.now(), 0), TIMER_MS_MAX);
}

/** To the second, without the clock skew that requests are granted: the next token should be here by now. */
function requireNotExpired({ expiresAtMs }: Auth): void {
  if (expiresAtMs === null || expiresAtMs > Date.now()) return;
  throw new ClerkError('TOKEN_EXPIRED', 'The token of the connection has expired.');
}

function isOpen({ readyState, connected }: ClientSocket): boolean {
  return readyState === undefined ? connected === true : readyState === 1;
}

function close(socket: ClientSocket, error: ClerkError, code = CLOSE_CODES[problemOf(error).status]): void {
  if (socket.disconnect === undefined) {
    socket.close?.(code ?? 1_008, error.code);
    return;
  }
  socket.emit?.('exception', problemOf(error).body);
  socket.disconnect(true);
}
