import type { ArgumentsHost } from '@nestjs/common';

import { type ClientSocket, type CredentialHeaders, type Transport } from './transport.js';
import { isRecord, type UnknownRecord } from '../../unknown-record.js';

/**
 * GraphQL: queries and mutations by the headers of their request, subscriptions by the `connectionParams` of their connection.
 * Apollo and Mercurius put the request in different places of the context; a context of the host's own needs `req` in it.
 *
 * @see https://the-guild.dev/graphql/ws/docs/interfaces/server.Context
 */
export const graphqlTransport: Transport = {
  headers(host) {
    const context = contextOf(host);
    const connection = connectionOf(context);
    if (connection === null) return headersOf(requestOf(context));
    return { ...headersOf(requestOf(extraOf(connection))), ...parametersOf(connection) };
  },
  parameters(host) {
    const parameters: unknown = isReference(host) ? undefined : host.getArgByIndex(1);
    return isRecord(parameters) ? parameters : {};
  },
  // One for each field that is resolved, and the context for them all.
  carrier(host) {
    const info: unknown = host.getArgByIndex(isReference(host) ? 2 : 3);
    return isRecord(info) ? info : contextOf(host);
  },
  operation: contextOf,
  socket(host) {
    const connection = connectionOf(contextOf(host));
    const socket = connection === null ? null : extraOf(connection)['socket'];
    return isSocket(socket) ? socket : null;
  },
};

function contextOf(host: ArgumentsHost): UnknownRecord {
  const context: unknown = host.getArgByIndex(isReference(host) ? 1 : 2);
  if (isRecord(context)) return context;
  throw new Error('The GraphQL context must be an object with the request in `req`.');
}

/** A federated reference resolver gets (reference, context, info): no arguments. */
function isReference(host: ArgumentsHost): boolean {
  return host.getArgs().length === 3;
}

/** The connection of graphql-ws: the context itself, or where Nest's Apollo driver puts it. */
function connectionOf(context: UnknownRecord): UnknownRecord | null {
  const candidates = [context, context['req']];
  return (
    candidates
      .filter(isRecord)
      .find(({ extra, subscriptions }) => isRecord(extra) && isRecord(subscriptions)) ?? null
  );
}

function extraOf(connection: UnknownRecord): UnknownRecord {
  return isRecord(connection['extra']) ? connection['extra'] : {};
}

function requestOf(context: UnknownRecord): UnknownRecord {
  const { req, request, reply } = context;
  const candidates = [req, request, isRecord(reply) ? reply['request'] : undefined];
  return candidates.find(isRecord) ?? {};
}

function headersOf({ headers }: UnknownRecord): CredentialHeaders {
  // Node's own header object, or what Fastify made of it: text or lists of text.
  return isRecord(headers) ? (headers as CredentialHeaders) : {};
}

function parametersOf({ connectionParams }: UnknownRecord): CredentialHeaders {
  if (!isRecord(connectionParams)) return {};
  const authorization = connectionParams['authorization'] ?? connectionParams['Authorization'];
  return typeof authorization === 'string' ? { authorization } : {};
}

function isSocket(value: unknown): value is ClientSocket {
  return isRecord(value) && typeof value['once'] === 'function' && typeof value['close'] === 'function';
}
