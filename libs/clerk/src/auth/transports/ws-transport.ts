import { isRecord, type Transport } from './transport.js';
import { socketHeaders } from './socket-headers.js';

/** Messages to a gateway, by the credentials of their connection. */
export const wsTransport: Transport = {
  headers: (host) => socketHeaders(host.switchToWs().getClient<object>()),
  parameters(host) {
    const message: unknown = host.switchToWs().getData();
    return isRecord(message) ? message : {};
  },
  carrier: (host) => host.switchToWs().getClient<object>(),
};
