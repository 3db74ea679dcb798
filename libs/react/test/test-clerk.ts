import type { ClerkProviderProps } from '@clerk/react';

/** Clerk in the browser as `<ClerkProvider>` reads it: its own script comes from Clerk's servers, and these tests do without any. */
export class TestClerk {
  loaded = true;
  /** What each call of `getToken` asked for. */
  readonly tokenRequests: { skipCache: boolean }[] = [];
  /** What `getToken` answers; null: the session has ended. */
  giveToken: (userId: string, skipCache: boolean) => Promise<string | null> = async (userId, skipCache) =>
    tokenOf(userId, skipCache ? 'fresh' : 'cached');
  readonly #listeners = new Set<() => void>();
  __internal_lastEmittedResources: object = signedOut;

  /** Null: nobody. */
  constructor(userId: string | null = null) {
    this.#become(userId);
  }

  /** The form that `<ClerkProvider Clerk>` takes; only what the hooks read is there. */
  get asProp(): NonNullable<ClerkProviderProps['Clerk']> {
    return this as unknown as NonNullable<ClerkProviderProps['Clerk']>;
  }

  session: object | null = null;

  addListener(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Never ends, where Clerk is not loaded. */
  load(): Promise<void> {
    return new Promise(() => {});
  }

  /** Signs somebody in, or everybody out, and tells whoever listens. */
  switchTo(userId: string | null): void {
    this.#become(userId);
    for (const listener of this.#listeners) listener();
  }

  #become(userId: string | null): void {
    if (userId === null) {
      this.session = null;
      this.__internal_lastEmittedResources = signedOut;
      return;
    }
    const user = { id: userId, firstName: `Name of ${userId}`, organizationMemberships: [] };
    const getToken = ({ skipCache = false } = {}) => {
      this.tokenRequests.push({ skipCache });
      return this.giveToken(userId, skipCache);
    };
    const lastActiveToken = { jwt: { claims: { sub: userId } } };
    const session = { id: `sess_${userId}`, status: 'active', user, getToken, lastActiveToken };
    this.session = session;
    this.__internal_lastEmittedResources = { client: {}, session, user, organization: null };
  }
}

const signedOut = { client: {}, session: null, user: null, organization: null };

/** In the form of a session token, which nobody here verifies. */
export function tokenOf(userId: string, signature = 'cached'): string {
  return `header.${Buffer.from(JSON.stringify({ sub: userId })).toString('base64url')}.${signature}`;
}
