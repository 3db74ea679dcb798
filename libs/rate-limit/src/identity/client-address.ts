import type { ExecutionContext } from '@nestjs/common';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Where a call comes from; undefined where its transport does not say (NATS, Kafka, RabbitMQ, MQTT, Redis).
 *
 * HTTP and GraphQL over it: `req.ip`, so which forwarding headers count is for the framework's `trustProxy` to say. Sockets and
 * TCP: the other end of the connection, whatever the headers of a proxy say.
 */
export function clientAddress(context: ExecutionContext): string | undefined {
  const type = context.getType<string>();
  if (type === 'http') return addressOfRequest(fieldsOf(context.getArgByIndex(0)));
  if (type === 'graphql') return addressOfOperation(graphqlContext(context));
  if (type === 'ws') return addressOfSocket(fieldsOf(context.getArgByIndex(0)));
  return addressOfMessage(context);
}

/** Express and Fastify have `ip`; Node's own request has its socket. */
function addressOfRequest(request: Fields): string | undefined {
  return textOf(request['ip']) ?? textOf(fieldsOf(request['socket'])['remoteAddress']);
}

/** A resolver gets (parent, arguments, context, info), a federated reference (reference, context, info). */
function graphqlContext(context: ExecutionContext): Fields {
  return fieldsOf(context.getArgByIndex(context.getArgs().length === 3 ? 1 : 2));
}

/** The request where Apollo and Mercurius put it, or that of the connection of a subscription (graphql-ws). */
function addressOfOperation(context: Fields): string | undefined {
  const request = fieldsOf(context['req'] ?? context['request'] ?? fieldsOf(context['reply'])['request']);
  const extra = fieldsOf(context['extra'] ?? request['extra']);
  return addressOfRequest(request) ?? addressOfRequest(fieldsOf(extra['request']));
}

/** Socket.IO has the address in its handshake, `ws` keeps its connection. */
function addressOfSocket(client: Fields): string | undefined {
  return (
    textOf(fieldsOf(client['handshake'])['address']) ?? textOf(fieldsOf(client['_socket'])['remoteAddress'])
  );
}

/** TCP: the socket behind the context. gRPC: the call, whose peer is `address:port`. */
function addressOfMessage(context: ExecutionContext): string | undefined {
  const message = fieldsOf(context.getArgByIndex(1));
  const { getSocketRef } = message;
  if (typeof getSocketRef === 'function') {
    return addressOfRequest(fieldsOf(getSocketRef.call(message)));
  }
  const call = fieldsOf(context.getArgByIndex(2));
  const { getPeer } = call;
  const peer = typeof getPeer === 'function' ? textOf(getPeer.call(call)) : undefined;
  return peer
    ?.replace(/^ipv[46]:/, '')
    .replace(/:\d+$/, '')
    .replaceAll(/[[\]]/g, '');
}

function fieldsOf(value: unknown): Fields {
  // Whatever is an object has fields, of which nothing is known.
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
