import type { ArgumentsHost } from '@nestjs/common';

import { socketHeaders } from './socket-headers.js';
import { type Transport } from './transport.js';
import { isRecord } from '../../unknown-record.js';

const CARRIERS = Symbol('nest-clerk.ws-carriers');

interface Client {
  [CARRIERS]?: Map<string, object>;
}

/** Messages to a gateway, by the credentials of their connection. */
export const wsTransport: Transport = {
  headers: (host) => socketHeaders(host.switchToWs().getClient<object>()),
  parameters(host) {
    const message: unknown = host.switchToWs().getData();
    return isRecord(message) ? message : {};
  },
  carrier(host) {
    const message: unknown = host.switchToWs().getData();
    return isRecord(message) ? message : carrierOfPattern(host);
  },
};

/**
 * A message without an object in it has nothing of its own. All of one kind on one connection share a carrier then, which is why
 * `ClerkSockets.renew` takes no token of another session or organisation.
 */
function carrierOfPattern(host: ArgumentsHost): object {
  const client = host.switchToWs().getClient<Client>();
  const pattern = String(host.switchToWs().getPattern());
  const carriers = (client[CARRIERS] ??= new Map());
  const carrier = carriers.get(pattern) ?? {};
  carriers.set(pattern, carrier);
  return carrier;
}
