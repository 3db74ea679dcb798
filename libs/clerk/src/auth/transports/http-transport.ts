import type { IncomingHttpHeaders } from 'node:http';

import type { PathParameters } from '../demand.js';
import type { Transport } from './transport.js';

interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  readonly params: PathParameters;
}

/** HTTP, on Fastify and Express. Nest's `switchToHttp()` makes three functions each time; its first argument is the request. */
export const httpTransport: Transport = {
  headers: (host) => host.getArgByIndex<HttpRequest>(0).headers,
  parameters: (host) => host.getArgByIndex<HttpRequest>(0).params,
  carrier: (host) => host.getArgByIndex<object>(0),
};
