import type { IncomingHttpHeaders } from 'node:http';

import type { PathParameters } from '../demand.js';
import type { Transport } from './transport.js';

interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  readonly params: PathParameters;
}

/** HTTP, on Fastify and Express. */
export const httpTransport: Transport = {
  headers: (host) => host.switchToHttp().getRequest<HttpRequest>().headers,
  parameters: (host) => host.switchToHttp().getRequest<HttpRequest>().params,
  carrier: (host) => host.switchToHttp().getRequest<object>(),
};
