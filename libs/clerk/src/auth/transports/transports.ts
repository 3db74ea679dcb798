import type { ArgumentsHost } from '@nestjs/common';

import { graphqlTransport } from './graphql-transport.js';
import { httpTransport } from './http-transport.js';
import { rpcTransport } from './rpc-transport.js';
import type { Transport } from './transport.js';
import { wsTransport } from './ws-transport.js';

const TRANSPORTS: ReadonlyMap<string, Transport> = new Map([
  ['http', httpTransport],
  ['graphql', graphqlTransport],
  ['ws', wsTransport],
  ['rpc', rpcTransport],
]);

/** @throws Error for a kind of context that Nest has no name for: what cannot be guarded is not let through. */
export function transportOf(host: ArgumentsHost): Transport {
  const type = host.getType<string>();
  if (type === 'http') return httpTransport;
  const transport = TRANSPORTS.get(type);
  if (transport !== undefined) return transport;
  throw new Error(`ClerkAuthGuard knows no transport of type ${type}.`);
}
