import type { IncomingMessage, ServerResponse } from 'node:http';

import { RequestMethod, type MiddlewareConsumer } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import { readRawBody, type RawBody, type RawBodyBounds } from './raw-body.js';

type Next = (error?: unknown) => void;

/** Svix gives up after 15 s: what takes longer cannot be acknowledged in time. https://docs.svix.com/retries */
const BODY_TIMEOUT_MS = 10_000;

export interface WebhookBodiesOptions {
  /** Routes of the webhook controller, as given to it. */
  readonly paths: readonly string[];
  /** Largest body, bytes. */
  readonly bytesMax: number;
  /** Longest wait for the last byte of a body, milliseconds. @default 10000 */
  readonly timeoutMs?: number;
}

/**
 * Keeps the bytes of webhook requests from the framework's body parsers, on Fastify and on Express, without touching any
 * other route. The module's `configure()` must call `configure()`.
 */
export class WebhookBodies {
  readonly #bodies = new WeakMap<object, RawBody>();
  readonly #paths: readonly string[];
  readonly #bounds: RawBodyBounds;

  constructor(host: HttpAdapterHost, options: WebhookBodiesOptions) {
    this.#paths = options.paths.map((path) => path.replace(/^\/+|\/+$/g, ''));
    this.#bounds = { bytesMax: options.bytesMax, timeoutMs: options.timeoutMs ?? BODY_TIMEOUT_MS };
    // Express runs its parsers before the middleware of any module; what is hidden before them they leave unread. Providers
    // are made before the parsers are registered, except in a testing module, where the adapter comes later still.
    host.init$.subscribe(() => {
      // A microservice has none, whatever the type says.
      const adapter: HttpAdapterHost['httpAdapter'] | null = host.httpAdapter;
      if (adapter?.getType() !== 'express') return;
      adapter.use((req: IncomingMessage, _res: ServerResponse, next: Next) => {
        if (this.#mayBeWebhook(req)) hideBody(req);
        next();
      });
    });
  }

  configure(consumer: MiddlewareConsumer): void {
    const routes = this.#paths.map((path) => ({ path, method: RequestMethod.POST }));
    consumer
      .apply((req: IncomingMessage, res: ServerResponse, next: Next) => this.#read(req, res, next))
      .forRoutes(...routes);
  }

  /**
   * The bytes of a webhook request.
   *
   * @throws ClerkError WEBHOOK_TOO_LARGE, or WEBHOOK_BODY_INVALID when it is compressed, too slow or was read by others
   */
  take(req: IncomingMessage): Buffer {
    const body = this.#bodies.get(req);
    if (body?.outcome === 'read') return body.bytes;
    if (body?.outcome === 'refused') throw body.error;
    throw new ClerkError('WEBHOOK_BODY_INVALID', 'The webhook body was not received whole.');
  }

  async #read(req: IncomingMessage, res: ServerResponse, next: Next): Promise<void> {
    const body = await bodyOf(req, this.#bounds);
    if (body.outcome === 'aborted') return;
    // What is left of a refused body must not be taken for the next request.
    if (body.outcome === 'refused') res.setHeader('connection', 'close');
    this.#bodies.set(req, body);
    hideBody(req);
    next();
  }

  /** Wider than the routes, which may have a prefix that is not known here; the middleware of `configure()` is exact. */
  #mayBeWebhook(req: IncomingMessage): boolean {
    const [pathname = ''] = (req.url ?? '').toLowerCase().split('?', 1);
    const trimmed = pathname.replace(/\/+$/, '');
    return req.method === 'POST' && this.#paths.some((path) => trimmed.endsWith(`/${path.toLowerCase()}`));
  }
}

/** Where a platform has read the body before us (serverless adapters do), it may have kept the bytes as `rawBody`. */
async function bodyOf(req: IncomingMessage, bounds: RawBodyBounds): Promise<RawBody> {
  if ('rawBody' in req && Buffer.isBuffer(req.rawBody)) return { outcome: 'read', bytes: req.rawBody };
  return readRawBody(req, bounds);
}

/** Parsers of both frameworks look at these headers only, and take a request without them for one without a body. */
function hideBody(req: IncomingMessage): void {
  delete req.headers['content-type'];
  delete req.headers['content-length'];
  delete req.headers['transfer-encoding'];
}
