import type { Sessions } from '../state/sessions.js';
import type { World } from '../state/world.js';
import type { SessionTokens } from '../tokens/session-tokens.js';
import { ApiError, missingParameter } from './api-error.js';
import { page, paged } from './listing.js';
import type { Routes } from './router.js';

/** https://clerk.com/docs/reference/backend-api/tag/sessions */
export function sessionRoutes(world: World, sessions: Sessions, tokens: SessionTokens): Routes {
  return {
    'GET /v1/sessions': ({ query }) => {
      const found = filterSessions(world, query);
      return query.get('paginated') === 'true' ? paged(found, query) : page(found, query);
    },
    'POST /v1/sessions': ({ body }) => sessions.create(body),
    'GET /v1/sessions/:id': ({ path }) => sessions.get(path['id'] ?? ''),
    'POST /v1/sessions/:id/revoke': ({ path }) => sessions.revoke(path['id'] ?? ''),
    'POST /v1/sessions/:id/verify': ({ path, body }) => {
      if (typeof body['token'] !== 'string') throw missingParameter('token');
      return sessions.requireActive(path['id'] ?? '');
    },
    'POST /v1/sessions/:id/tokens': ({ path, body }) => {
      const seconds = body['expires_in_seconds'];
      const lifetime = typeof seconds === 'number' ? { expiresInSeconds: seconds } : {};
      return { object: 'token', jwt: tokens.sign(path['id'] ?? '', lifetime) };
    },
    'POST /v1/sessions/:id/tokens/:template': ({ path }) => ({
      object: 'token',
      jwt: tokens.signTemplate(path['id'] ?? '', path['template'] ?? ''),
    }),
  };
}

/** Newest first. One of the filters is needed, as with Clerk. */
function filterSessions(world: World, query: URLSearchParams) {
  const wanted = {
    user_id: query.get('user_id'),
    client_id: query.get('client_id'),
    status: query.get('status'),
  };
  if (wanted.user_id === null && wanted.client_id === null) {
    throw new ApiError(422, 'form_param_missing', {
      message: 'Give a user_id or a client_id',
      parameter: 'user_id',
    });
  }
  return [...world.sessions.values()]
    .filter(
      (session) =>
        (wanted.user_id === null || session.user_id === wanted.user_id) &&
        (wanted.client_id === null || session.client_id === wanted.client_id) &&
        (wanted.status === null || session.status === wanted.status),
    )
    .toReversed();
}
