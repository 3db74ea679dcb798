import type { ClerkProviderProps } from '@clerk/react';

import { playgroundApi, type SeededUser } from './playground-api.js';

/** A token is renewed this long before it ends, milliseconds; it lives for a minute. */
const RENEW_MS = 10_000;
const SIGNED_OUT = { client: {}, session: null, user: null, organization: null };

type Claims = Readonly<Record<string, unknown>>;

/**
 * What `useAuth` and `useUser` read of Clerk, on the offline Clerk behind the service. Clerk's own script comes from Clerk's
 * servers, and signs in at an instance of yours. Sessions and tokens are in memory only.
 */
export class DevelopmentClerk {
  readonly loaded = true;
  session: object | null = null;
  __internal_lastEmittedResources: object = SIGNED_OUT;
  readonly #listeners = new Set<() => void>();
  #sessionId: string | null = null;
  #token = '';
  #renewal: ReturnType<typeof setTimeout> | undefined;

  /** The form that `<ClerkProvider Clerk>` takes; it calls nothing else of it. */
  get asProp(): NonNullable<ClerkProviderProps['Clerk']> {
    return this as unknown as NonNullable<ClerkProviderProps['Clerk']>;
  }

  addListener(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws Error when the service does not answer */
  async signIn(user: SeededUser): Promise<void> {
    await this.signOut();
    const { session_id: sessionId, token } = await playgroundApi.signIn(user.id);
    this.#sessionId = sessionId;
    this.#show(user, sessionId, token);
  }

  /** Ends the session; one that is gone already is no error. */
  async signOut(): Promise<void> {
    const sessionId = this.#sessionId;
    if (sessionId === null) return;
    this.#sessionId = null;
    clearTimeout(this.#renewal);
    this.session = null;
    this.#tell(SIGNED_OUT);
    await playgroundApi.signOut(sessionId).catch(() => undefined);
  }

  #show(user: SeededUser, sessionId: string, token: string): void {
    this.#token = token;
    const getToken = async ({ skipCache = false } = {}) => {
      const isFresh = Number(claimsOf(this.#token)['exp']) * 1_000 - Date.now() > RENEW_MS;
      if (skipCache || !isFresh) {
        const renewed = await playgroundApi.token(sessionId);
        if (this.#sessionId !== sessionId) return null;
        this.#show(user, sessionId, renewed.token);
      }
      return this.#sessionId === sessionId ? this.#token : null;
    };
    const claims = claimsOf(token);
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(
      // Where it fails, whoever asks for a token next is told so.
      () => void getToken({ skipCache: true }).catch(() => undefined),
      (Number(claims['exp']) - Number(claims['iat'])) * 1_000 - RENEW_MS,
    );
    const lastActiveToken = { jwt: { claims } };
    const clerkUser = { id: user.id, fullName: user.name, organizationMemberships: [] };
    this.session = { id: sessionId, status: 'active', user: clerkUser, getToken, lastActiveToken };
    this.#tell({ client: {}, session: this.session, user: clerkUser, organization: null });
  }

  #tell(resources: object): void {
    this.__internal_lastEmittedResources = resources;
    for (const listener of this.#listeners) listener();
  }
}

function claimsOf(token: string): Claims {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  // The service has just signed it.
  return JSON.parse(atob(payload)) as Claims;
}
