import { useAuth } from '@clerk/react';
import type { ReactElement } from 'react';

/** Unix times, seconds. */
const TIMES: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf']);

export function TokenPanel(): ReactElement {
  const { sessionClaims } = useAuth();
  return (
    <section aria-labelledby="token">
      <h2 id="token">Session token</h2>
      {sessionClaims ? (
        <dl>
          {Object.entries(sessionClaims).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{shown(name, value)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p>Sign in to see the claims of the token. It lives for a minute and is renewed by itself.</p>
      )}
    </section>
  );
}

function shown(name: string, value: unknown): string {
  if (TIMES.has(name) && typeof value === 'number') return new Date(value * 1_000).toLocaleTimeString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
