import { useAuth, useUser } from '@clerk/react';
import { useSyncExternalStore } from 'react';

import type { BackendError } from './backend-error.js';
import { useBackend } from './backend-provider.js';
import type { BackendUser } from './backend-user.js';
import type { BackendUserState } from './backend-user-store.js';

export interface UseBackendUser {
  /** The user in the service's database; null until he is loaded, and while nobody is signed in. */
  readonly backendUser: BackendUser | null;
  /** The user at Clerk; null while nobody is signed in. */
  readonly clerkUser: NonNullable<ReturnType<typeof useUser>['user']> | null;
  /** Whether Clerk or the service has yet to answer. */
  readonly loading: boolean;
  readonly error: BackendError | null;
}

/**
 * The signed-in user, at Clerk and in the service's database. Loaded once for all components of a `<BackendProvider>`; a user who
 * is not in the database is synced once. 401: one more try with a fresh token. 429 with `Retry-After` up to 60 s: waits, then tries
 * once more. After an error, a component that mounts 5 s later or more, and after `Retry-After`, tries again; `error` stays until then.
 */
export function useBackendUser(): UseBackendUser {
  const { isLoaded } = useAuth();
  const { user } = useUser();
  const users = useBackend()?.users ?? NOBODY;
  const state = useSyncExternalStore(users.subscribe, users.read, users.read);
  return {
    backendUser: state?.outcome === 'loaded' ? state.user : null,
    clerkUser: user ?? null,
    loading: !isLoaded || state?.outcome === 'loading',
    error: state?.outcome === 'failed' ? state.error : null,
  };
}

/** What there is to look at while nobody is signed in. */
const NOBODY = { subscribe: () => () => undefined, read: (): BackendUserState | null => null };
