import type { ArgumentsHost } from '@nestjs/common';

import { type Transport } from './transport.js';
import { isRecord } from '../../unknown-record.js';

/**
 * Microservice handlers: gRPC by its metadata, NATS, Kafka and RabbitMQ by the headers of the message. TCP, Redis and MQTT have
 * none: there, and wherever the headers name no `authorization`, the one in the payload counts.
 */
export const rpcTransport: Transport = {
  headers(host) {
    const payload: unknown = host.switchToRpc().getData();
    const authorization = headerOf(host) ?? (isRecord(payload) ? payload['authorization'] : undefined);
    return typeof authorization === 'string' ? { authorization } : {};
  },
  parameters(host) {
    const payload: unknown = host.switchToRpc().getData();
    return isRecord(payload) ? payload : {};
  },
  carrier(host) {
    const context: unknown = host.switchToRpc().getContext();
    if (isRecord(context)) return context;
    throw new Error('The transport gives its handlers no context: what the guard proved has no place.');
  },
};

function headerOf(host: ArgumentsHost): string | undefined {
  const context: unknown = host.switchToRpc().getContext();
  if (!isRecord(context)) return undefined;
  const { getMap, getHeaders, getMessage } = context;
  if (typeof getMap === 'function') return textIn(getMap.call(context));
  if (typeof getHeaders === 'function') return textIn(getHeaders.call(context));
  return typeof getMessage === 'function' ? messageHeader(getMessage.call(context)) : undefined;
}

/** Kafka: `headers` of the message. RabbitMQ: among its `properties`. */
function messageHeader(message: unknown): string | undefined {
  if (!isRecord(message)) return undefined;
  const { headers, properties } = message;
  return textIn(headers ?? (isRecord(properties) ? properties['headers'] : undefined));
}

/** A plain object, or a collection with `get` as NATS has. Kafka's values are bytes. */
function textIn(headers: unknown): string | undefined {
  if (!isRecord(headers)) return undefined;
  const { get } = headers;
  const value: unknown =
    typeof get === 'function' ? get.call(headers, 'authorization') : headers['authorization'];
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'string' && value !== '' ? value : undefined;
}
