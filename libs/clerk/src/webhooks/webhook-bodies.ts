import type { IncomingMessage, ServerResponse } from 'node:http';

import { RequestMethod, type MiddlewareConsumer } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import { ByteBudget } from './byte-budget.js';
import { readRawBody, type RawBody, type RawBodyBounds, tooLarge } from './raw-body.js';

type Next = (error?: unknown) => void;

/** Svix gives up after 15 s, and there is a database to wait for. https://docs.svix.com/retries */
const BODY_TIMEOUT_MS = 4_000;

/** Before a body has come to its end nobody knows whether Clerk signed it: strangers are held to this, all together. */
const HELD_BYTES_MAX = 67_108_864;

/**
 * Where Nest's Fastify adapter looks for what a route is to have in its `config`: what `@RouteConfig()` of
 * @nestjs/platform-fastify sets, which a host on Express does not have.
 */
export const ROUTE_CONFIG = '__fastify_route_config__';

/** What is used of a Fastify instance. https://fastify.dev/docs/latest/Reference/Hooks/#onroute */
interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): unknown;
}

interface FastifyRoute {
  readonly config?: { readonly webhookPaths?: unknown };
  preParsing?: unknown;
}

export interface WebhookBodiesOptions {
  /** Routes of the webhook controller, as given to it. */
  readonly paths: readonly string[];
  /** Largest body, bytes. */
  readonly bytesMax: number;
  /** Longest wait for the last byte of a body, milliseconds. @default 4000 */
  readonly timeoutMs?: number;
}

interface KeptBody {
  readonly body: RawBody;
  /** Safe to call again. */
  readonly release: () => void;
}

/**
 * Keeps the bytes of webhook requests from the framework's body parsers, on Fastify and on Express, without touching any
 * other route. The module's `configure()` must call `configure()`.
 */
export class WebhookBodies {
  readonly #bodies = new WeakMap<object, KeptBody>();
  readonly #budget = new ByteBudget(HELD_BYTES_MAX);
  /** As given: a registration knows its own route by them. */
  readonly #routePaths: readonly string[];
  readonly #paths: readonly string[];
  readonly #bounds: RawBodyBounds;

  constructor(
    private readonly host: HttpAdapterHost,
    options: WebhookBodiesOptions,
  ) {
    this.#routePaths = options.paths;
    this.#paths = options.paths.map((path) => path.replace(/^\/+|\/+$/g, ''));
    const { bytesMax, timeoutMs = BODY_TIMEOUT_MS } = options;
    this.#bounds = { bytesMax, timeoutMs, budget: this.#budget };
    // Providers are made before routes and parsers are registered, except in a testing module, where the adapter comes later still.
    host.init$.subscribe(() => {
      if (this.#platform() === 'express') this.#hideFromExpress();
      if (this.#platform() === 'fastify')
        this.#readOnFastify(host.httpAdapter.getInstance<FastifyInstance>());
    });
  }

  /** Express only: on Fastify middleware of one route costs every request of every route a fifth of its time. */
  configure(consumer: MiddlewareConsumer): void {
    if (this.#platform() !== 'express') return;
    const routes = this.#paths.map((path) => ({ path, method: RequestMethod.POST }));
    consumer
      .apply((req: IncomingMessage, res: ServerResponse, next: Next) => this.#read(req, res, next))
      .forRoutes(...routes);
  }

  /**
   * The bytes of a webhook request, which count no more as held.
   *
   * @throws ClerkError WEBHOOK_TOO_LARGE, or WEBHOOK_BODY_INVALID when it is compressed, too slow or was read by others
   * @throws ClerkError WEBHOOK_HEADERS_INVALID: it was not read
   * @throws ClerkError DATABASE_UNAVAILABLE when 64 MiB of bodies are held already: Clerk will send it again
   */
  take(req: IncomingMessage): Buffer {
    const kept = this.#bodies.get(req);
    kept?.release();
    if (kept?.body.outcome === 'read') return kept.body.bytes;
    if (kept?.body.outcome === 'refused') throw kept.body.error;
    throw new ClerkError('WEBHOOK_BODY_INVALID', 'The webhook body was not received whole.');
  }

  #platform(): string | undefined {
    // A microservice has no adapter, whatever the type says.
    const adapter: HttpAdapterHost['httpAdapter'] | null = this.host.httpAdapter;
    return adapter?.getType();
  }

  /** Express runs its parsers before the middleware of any module; what is hidden before them they leave unread. */
  #hideFromExpress(): void {
    this.host.httpAdapter.use((req: IncomingMessage, _res: ServerResponse, next: Next) => {
      if (this.#mayBeWebhook(req)) hideBody(req);
      next();
    });
  }

  #readOnFastify(instance: FastifyInstance): void {
    instance.addHook('onRoute', (route) => {
      if (route.config?.webhookPaths !== this.#routePaths) return;
      route.preParsing = (
        { raw: req }: { raw: IncomingMessage },
        { raw: res }: { raw: ServerResponse },
        ...[payload, done]: [unknown, (error: null, payload: unknown) => void]
      ) => void this.#read(req, res, () => done(null, payload));
    });
  }

  async #read(req: IncomingMessage, res: ServerResponse, next: Next): Promise<void> {
    const body = await bodyOf(req, this.#bounds);
    if (body.outcome === 'aborted') return;
    // What is left of a refused body must not be taken for the next request.
    if (body.outcome === 'refused') res.setHeader('connection', 'close');
    this.#bodies.set(req, { body, release: this.#releaseOf(body, res) });
    hideBody(req);
    next();
  }

  /** Once: when it is taken, or nobody is there to take it. */
  #releaseOf(body: RawBody, res: ServerResponse): () => void {
    let bytes = body.outcome === 'read' ? body.heldBytes : 0;
    const release = () => {
      this.#budget.giveBack(bytes);
      bytes = 0;
    };
    res.once('close', release);
    return release;
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
  if (!('rawBody' in req) || !Buffer.isBuffer(req.rawBody)) return readRawBody(req, bounds);
  const { bytesMax } = bounds;
  if (req.rawBody.length > bytesMax) return { outcome: 'refused', error: tooLarge(bytesMax) };
  return { outcome: 'read', bytes: req.rawBody, heldBytes: 0 };
}

/** Parsers of both frameworks look at these headers only, and take a request without them for one without a body. */
function hideBody(req: IncomingMessage): void {
  delete req.headers['content-type'];
  delete req.headers['content-length'];
  delete req.headers['transfer-encoding'];
}
