import type { Parameters } from '../state/parameters.js';
import { notFound } from './api-error.js';

export interface ApiRequest {
  /** What stands at the `:names` of the route's path. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON body; empty where there is none. */
  readonly body: Parameters;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Answers with a JSON value, status 200. */
export type Handler = (request: ApiRequest) => unknown;

/** `METHOD /path/:name` → handler. */
export type Routes = Readonly<Record<string, Handler>>;

export interface Match {
  readonly handler: Handler;
  readonly path: Readonly<Record<string, string>>;
}

/** Finds routes by method and path. A path written out wins over one with names. */
export class Router {
  private readonly routes: readonly { method: string; segments: readonly string[]; handler: Handler }[];

  constructor(...tables: readonly Routes[]) {
    this.routes = tables
      .flatMap((table) => Object.entries(table))
      .map(([key, handler]) => {
        const [method = '', path = ''] = key.split(' ');
        return { method, segments: path.split('/'), handler };
      })
      .sort((a, b) => names(a.segments) - names(b.segments));
  }

  /** @throws ApiError 404 */
  match(method: string, pathname: string): Match {
    const segments = pathname.replace(/\/$/, '').split('/');
    for (const route of this.routes) {
      const path = route.method === method ? matchSegments(route.segments, segments) : null;
      if (path !== null) return { handler: route.handler, path };
    }
    throw notFound('Route');
  }
}

function names(segments: readonly string[]): number {
  return segments.filter((segment) => segment.startsWith(':')).length;
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const found: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index] ?? '';
    if (expected.startsWith(':') && actual !== '') found[expected.slice(1)] = decodeURIComponent(actual);
    else if (expected !== actual) return null;
  }
  return found;
}
