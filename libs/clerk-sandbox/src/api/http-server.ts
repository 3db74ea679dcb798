import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

import { isObject, type Parameters } from '../state/parameters.js';
import { ApiError, errorBody } from './api-error.js';
import type { Fault, FaultKind, Faults } from './faults.js';
import type { Router } from './router.js';

const BODY_BYTES_MAX = 1_048_576;
/** The only addresses a request may be for: a page on another name cannot reach the sandbox through a browser. */
const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);
const CONTROL_PREFIX = '/sandbox';

export interface HttpServerParts {
  readonly router: Router;
  readonly faults: Faults;
  readonly secretKey: string;
  /** Counted by `METHOD /path`, faults included. */
  readonly requestCounts: Map<string, number>;
}

/** Starts the server on 127.0.0.1. @throws Error EADDRINUSE */
export async function startHttpServer(
  parts: HttpServerParts,
  port: number,
): Promise<{ server: Server; url: string }> {
  const server = createServer((req, res) => void respond(parts, req, res));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { server, url: `http://127.0.0.1:${address.port}` };
}

async function respond(parts: HttpServerParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const traceId = randomBytes(16).toString('hex');
  try {
    const url = new URL(req.url ?? '/', 'http://127.0.0.1');
    count(parts.requestCounts, `${req.method} ${url.pathname}`);
    const fault = url.pathname.startsWith(CONTROL_PREFIX) ? null : parts.faults.take(url.pathname);
    if (fault !== null) await MISBEHAVIOURS[fault.kind](fault, res, traceId);
    if (res.writableEnded || res.destroyed) return;
    sendJson(res, 200, await answer(parts, req, url));
  } catch (error) {
    const known =
      error instanceof ApiError
        ? error
        : new ApiError(500, 'internal_clerk_error', { message: String(error) });
    sendJson(res, known.status, errorBody(known, traceId));
  }
}

async function answer(
  { router, secretKey }: HttpServerParts,
  req: IncomingMessage,
  url: URL,
): Promise<unknown> {
  requireLoopback(req);
  const { handler, path } = router.match(req.method ?? 'GET', url.pathname);
  if (!url.pathname.startsWith(CONTROL_PREFIX)) requireSecretKey(req, secretKey);
  return handler({ path, query: url.searchParams, body: await readBody(req), headers: req.headers });
}

function count(counts: Map<string, number>, key: string): void {
  if (counts.size < 10_000 || counts.has(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
}

function requireLoopback(req: IncomingMessage): void {
  const host = (req.headers.host ?? '').replace(/:\d+$/, '');
  if (!LOOPBACK_HOSTS.has(host)) {
    throw new ApiError(403, 'host_not_allowed', { message: 'The sandbox answers on loopback names only' });
  }
}

function requireSecretKey(req: IncomingMessage, secretKey: string): void {
  if (req.headers.authorization !== `Bearer ${secretKey}`) {
    throw new ApiError(401, 'clerk_key_invalid', { message: 'The provided Clerk Secret Key is invalid' });
  }
}

async function readBody(req: IncomingMessage): Promise<Parameters> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > BODY_BYTES_MAX)
      throw new ApiError(413, 'request_too_large', { message: 'The body is over 1 MiB' });
    chunks.push(buffer);
  }
  if (bytes === 0) return {};
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (isObject(body)) return body;
  } catch {
    // Not JSON and not an object are the same mistake: answered below.
  }
  throw new ApiError(400, 'request_body_invalid', { message: 'The body must be a JSON object' });
}

type Misbehaviour = (fault: Fault, res: ServerResponse, traceId: string) => Promise<void> | void;

/** What each fault does. A request whose response is still open afterwards is answered as usual. */
const MISBEHAVIOURS: Readonly<Record<FaultKind, Misbehaviour>> = {
  down: (_fault, res) => void res.destroy(),
  hung: async (_fault, res) => {
    await once(res, 'close');
  },
  slow: async ({ delayMs = 1_000 }) => {
    await wait(delayMs, undefined, { ref: false });
  },
  html: ({ status = 200 }, res) => {
    res.writeHead(status, { 'content-type': 'text/html' }).end('<html><body>proxy</body></html>');
  },
  json: ({ status = 200, body = null }, res) => sendJson(res, status, body),
  'rate-limited': ({ retryAfterSeconds = 1 }, res, traceId) => {
    res.setHeader('retry-after', String(retryAfterSeconds));
    const error = new ApiError(429, 'too_many_requests', { message: 'Too many requests' });
    sendJson(res, 429, errorBody(error, traceId));
  },
  status: ({ status = 500 }, res, traceId) => {
    const error = new ApiError(status, 'internal_clerk_error', { message: 'Sandbox fault' });
    sendJson(res, status, errorBody(error, traceId));
  },
};

/** The official client parses a body only when the content type is exactly this, with no charset. */
function sendJson(res: ServerResponse, status: number, body: unknown): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
