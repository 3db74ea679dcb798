import type { IncomingHttpHeaders } from 'node:http';

import { type CredentialHeaders, isRecord } from './transport.js';

const HEADERS = Symbol('nest-clerk.socket-headers');

interface KnownSocket {
  /** Socket.IO's. */
  readonly handshake?: unknown;
  [HEADERS]?: CredentialHeaders;
}

/** What a connection proves itself by. None for a `ws` connection that `ClerkSockets.connect()` has not seen. */
export function socketHeaders(socket: KnownSocket): CredentialHeaders {
  return socket[HEADERS] ?? (isRecord(socket.handshake) ? handshakeHeaders(socket.handshake) : {});
}

export function setSocketHeaders(socket: KnownSocket, headers: CredentialHeaders): void {
  socket[HEADERS] = headers;
}

/**
 * The headers of the request that opened a `ws` connection. A browser can set none, so a token may come as a subprotocol too:
 * `new WebSocket(url, ['bearer', token])`.
 */
export function upgradeHeaders(headers: IncomingHttpHeaders): CredentialHeaders {
  const [scheme, token] = (headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim());
  if (scheme !== 'bearer' || headers.authorization !== undefined) return headers;
  return { ...headers, authorization: `Bearer ${token ?? ''}` };
}

/** Socket.IO: `io(url, { auth: { token } })`, else the headers of the handshake. */
function handshakeHeaders({ headers, auth }: Readonly<Record<string, unknown>>): CredentialHeaders {
  const token = isRecord(auth) ? auth['token'] : undefined;
  return {
    // Node's own header object.
    ...(isRecord(headers) ? (headers as CredentialHeaders) : {}),
    ...(typeof token === 'string' ? { authorization: `Bearer ${token}` } : {}),
  };
}
