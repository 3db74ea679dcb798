import { useAuth } from '@clerk/react';
import { type ReactElement, useEffect, useState } from 'react';
import { useBackendUser } from 'nest-clerk-react';

import type { DevelopmentClerk } from './development-clerk.js';
import { playgroundApi, type SeededUser } from './playground-api.js';
import { useAttempts } from './use-attempts.js';

export function SignInPanel({ clerk }: { clerk: DevelopmentClerk }): ReactElement {
  const { userId } = useAuth();
  const { said, attempt } = useAttempts();
  const [users, setUsers] = useState<readonly SeededUser[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    // Where the service does not answer, the list of webhooks says so.
    playgroundApi.users(abort.signal).then(setUsers, () => undefined);
    return () => abort.abort();
  }, []);
  return (
    <section aria-labelledby="sign-in">
      <h2 id="sign-in">Sign in</h2>
      <div role="group" aria-label="Sign in as">
        {users.map((user) => (
          <button
            key={user.id}
            type="button"
            aria-pressed={user.id === userId}
            onClick={() => void attempt(clerk.signIn(user), '')}
          >
            {user.name} <small>{user.plan}</small>
          </button>
        ))}
        <button type="button" disabled={!userId} onClick={() => void attempt(clerk.signOut(), '')}>
          Sign out
        </button>
      </div>
      <SignedIn />
      <p role="alert">{said}</p>
    </section>
  );
}

function SignedIn(): ReactElement {
  const { backendUser, clerkUser, loading, error } = useBackendUser();
  return (
    <p role="status">
      {clerkUser === null && 'Nobody is signed in.'}
      {loading && 'Loading …'}
      {error !== null && `The service did not give the user: ${error.code}.`}
      {backendUser !== null &&
        `${clerkUser?.fullName} is signed in, on the ${backendUser.tier} tier, ${backendUser.email} in the database.`}
    </p>
  );
}
