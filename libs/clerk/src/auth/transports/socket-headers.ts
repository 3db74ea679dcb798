import type { IncomingHttpHeaders } from 'node:http';

import { type ClientSocket, type CredentialHeaders } from './transport.js';
import { isRecord } from '../../unknown-record.js';

const HEADERS = Symbol('nest-clerk.socket-headers');

interface KnownSocket {
  /** Socket.IO's. */
  readonly handshake?: unknown;
  [HEADERS]?: CredentialHeaders;
}

/** What a connection proves itself by. Nothing before it was shown to `ClerkSockets`: then all its messages are denied. */
export function socketHeaders(socket: KnownSocket): CredentialHeaders {
  return socket[HEADERS] ?? {};
}

export function setSocketHeaders(socket: KnownSocket, headers: CredentialHeaders): void {
  socket[HEADERS] = headers;
}

/** The headers of the request that opened a connection, with the token in them that came by another way. */
export function openingHeaders(
  { handshake }: ClientSocket,
  request?: { readonly headers: IncomingHttpHeaders },
): CredentialHeaders {
  if (request !== undefined) return upgradeHeaders(request.headers);
  return isRecord(handshake) ? handshakeHeaders(handshake) : {};
}

/** A browser can set no header: a token may come as a subprotocol too, `new WebSocket(url, ['bearer', token])`. */
function upgradeHeaders(headers: IncomingHttpHeaders): CredentialHeaders {
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
