import type { ClerkSandbox } from '../clerk-sandbox.js';
import { optionalText } from '../state/parameters.js';
import type { WebhookMessage } from '../webhooks/webhook-deliverer.js';
import { invalidParameter, missingParameter, notFound } from './api-error.js';
import { parseFault } from './faults.js';
import { page } from './listing.js';
import type { Routes } from './router.js';

/** What Clerk's front end and dashboard do, for somebody with curl. No key is needed: the server is on loopback only. */
export function controlRoutes(sandbox: ClerkSandbox): Routes {
  return {
    'GET /sandbox': () => describe(sandbox),
    'POST /sandbox/sign-in': ({ body, headers }) => {
      const origin = optionalText(body, 'origin') ?? headers['origin'];
      const organizationId = optionalText(body, 'organization_id');
      const signedIn = sandbox.signIn(
        findUserId(sandbox, optionalText(body, 'user_id') ?? null, optionalText(body, 'email') ?? null),
        {
          ...(typeof organizationId === 'string' ? { organizationId } : {}),
          ...(typeof origin === 'string' ? { origin } : {}),
        },
      );
      return { user_id: signedIn.userId, session_id: signedIn.sessionId, token: signedIn.token };
    },
    'PUT /sandbox/users/:id/plan': ({ path, body }) => sandbox.subscriptions.setPlan(path['id'] ?? '', body),
    'PUT /sandbox/users/:id/listed': ({ path, body }) => {
      sandbox.users.setListed(path['id'] ?? '', body['listed'] !== false);
      return { ok: true };
    },
    'POST /sandbox/keys/rotate': ({ body }) => ({
      kid: sandbox.rotateKeys({ keepPrevious: body['keep_previous'] !== false }).kid,
    }),
    'PUT /sandbox/faults': ({ body }) => {
      sandbox.faults.add(parseFault(body));
      return { ok: true };
    },
    'DELETE /sandbox/faults': () => {
      sandbox.faults.clear();
      sandbox.webhooks.faults = {};
      return { ok: true };
    },
    ...webhookRoutes(sandbox),
  };
}

function webhookRoutes(sandbox: ClerkSandbox): Routes {
  return {
    'GET /sandbox/webhooks': ({ query }) => page(sandbox.webhooks.messages(), query).map(summarise),
    'POST /sandbox/webhooks/:id/replay': ({ path }) => {
      if (!sandbox.webhooks.replay(path['id'] ?? '')) throw notFound('Message');
      return { ok: true };
    },
    'GET /sandbox/webhooks/endpoints': () =>
      sandbox.webhooks
        .endpoints()
        .map(({ id, url, secret, isDisabled }) => ({ id, url, secret, disabled: isDisabled })),
    'POST /sandbox/webhooks/endpoints': ({ body }) => {
      const url = optionalText(body, 'url') ?? '';
      if (!URL.canParse(url)) throw invalidParameter('url', 'url must be an http URL');
      const { id, secret } = sandbox.webhooks.addEndpoint(url);
      return { id, url, secret };
    },
    'DELETE /sandbox/webhooks/endpoints/:id': ({ path }) => {
      if (!sandbox.webhooks.removeEndpoint(path['id'] ?? '')) throw notFound('Endpoint');
      return { ok: true };
    },
    'PUT /sandbox/webhooks/faults': ({ body }) => {
      const { duplicate, delay_ms: delayMs, reverse_every: reverseEvery } = body;
      sandbox.webhooks.faults = {
        ...(typeof duplicate === 'boolean' ? { duplicate } : {}),
        ...(typeof delayMs === 'number' ? { delayMs } : {}),
        ...(typeof reverseEvery === 'number' ? { reverseEvery } : {}),
      };
      return { ok: true };
    },
  };
}

/** Without the payload: it is the person's data. */
function summarise({ id, type, createdAtMs, attempts }: WebhookMessage): unknown {
  return {
    id,
    type,
    created_at: createdAtMs,
    attempts: attempts.map(({ status, outcome, atMs }) => ({ status, outcome, at: atMs })),
  };
}

function findUserId(sandbox: ClerkSandbox, userId: string | null, email: string | null): string {
  if (userId !== null) return userId;
  if (email === null) throw missingParameter('user_id');
  const found = sandbox.users.findByEmail(email);
  if (found === null) throw notFound('User');
  return found.id;
}

function describe(sandbox: ClerkSandbox): unknown {
  return {
    about:
      'An offline Clerk for development and tests. It listens on loopback only and forgets everything when it stops.',
    backend_api: sandbox.url,
    secret_key: sandbox.secretKey,
    publishable_key: sandbox.publishableKey,
    instance_id: sandbox.instanceId,
    users: sandbox.users.all().map((user) => ({
      id: user.id,
      email: user.email_addresses[0]?.email_address ?? null,
      plan: sandbox.subscriptions.planOf(user.id),
    })),
    webhook_endpoints: sandbox.webhooks.endpoints().map(({ url }) => url),
    sign_in: `curl -s ${sandbox.url}/sandbox/sign-in -d '{"user_id":"user_…"}'`,
  };
}
