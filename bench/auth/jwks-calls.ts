import { deepStrictEqual } from 'node:assert/strict';

import type { OfflineClerk } from './offline-clerk.js';
import { get, ServerProcess } from './server-process.js';

const REQUESTS = 100;
/** Long enough for all requests to be there before the keys are. */
const JWKS_DELAY_MS = 500;

export interface JwksCalls {
  /** For requests that come at once to a server that has no keys yet. */
  readonly cold: number;
  /** For requests with tokens that each name another key that does not exist. */
  readonly forged: number;
}

/** How often a guarded server asks Clerk for its keys. @throws Error when it answers wrongly */
export async function countJwksCalls(clerk: OfflineClerk, tokens: readonly string[]): Promise<JwksCalls> {
  const server = await ServerProcess.start('clerk-guard-jwks', clerk.connection);
  clerk.sandbox.faults.add({ kind: 'slow', pathPrefix: '/v1/jwks', delayMs: JWKS_DELAY_MS });
  try {
    const count = async (sent: readonly string[], status: number) => {
      const before = clerk.jwksCalls;
      const answers = await Promise.all(sent.map((token) => get(server.url, token)));
      deepStrictEqual(new Set(answers.map((answer) => answer.status)), new Set([status]));
      return clerk.jwksCalls - before;
    };
    const cold = await count(tokens.slice(0, REQUESTS), 200);
    const forged = await count(clerk.tokensOfUnknownKeys(REQUESTS), 401);
    return { cold, forged };
  } finally {
    clerk.sandbox.faults.clear();
    await server.stop();
  }
}
