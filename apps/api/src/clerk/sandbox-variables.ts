import { z } from 'zod';

type Variables = Readonly<Record<string, string | undefined>>;

/** What `GET /sandbox` and `GET /sandbox/webhooks/endpoints` of the offline Clerk say, as far as it is needed. */
const KEYS = z.object({ secret_key: z.string(), publishable_key: z.string() });
const ENDPOINTS = z.array(z.object({ secret: z.string() }));

const ANSWER_MS_MAX = 1_000;

/**
 * The variables of the offline Clerk that a service of this project runs on where it has no key: what is in the environment wins.
 * None in production, with a key of Clerk's, or where no offline Clerk answers on this machine.
 */
export async function sandboxVariables(env: Variables): Promise<Variables> {
  if (env['NODE_ENV'] === 'production' || env['CLERK_SECRET_KEY'] || env['CLERK_JWT_KEY']) return {};
  const url = `http://127.0.0.1:${env['SANDBOX_PORT'] || '4100'}`;
  try {
    const keys = KEYS.parse(await get(`${url}/sandbox`));
    const [endpoint] = ENDPOINTS.parse(await get(`${url}/sandbox/webhooks/endpoints`));
    return {
      CLERK_API_URL: url,
      CLERK_SECRET_KEY: keys.secret_key,
      CLERK_PUBLISHABLE_KEY: keys.publishable_key,
      ...(endpoint === undefined ? {} : { CLERK_WEBHOOK_SECRET: endpoint.secret }),
    };
  } catch {
    // Nobody listens there, or somebody else: the command names the variable that it misses.
    return {};
  }
}

async function get(url: string): Promise<unknown> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  return response.json();
}
