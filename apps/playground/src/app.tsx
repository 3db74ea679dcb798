import { ClerkProvider } from '@clerk/react';
import type { ReactElement } from 'react';
import { BackendProvider } from 'nest-clerk-react';

import { ChatPanel } from './chat-panel.js';
import type { DevelopmentClerk } from './development-clerk.js';
import { SignInPanel } from './sign-in-panel.js';
import { TokenPanel } from './token-panel.js';
import { WebhooksPanel } from './webhooks-panel.js';

// Names a host that can never be real (RFC 2606): nothing is fetched from it.
const PUBLISHABLE_KEY = 'pk_test_Y2xlcmsuc2FuZGJveC50ZXN0JA==';

export function App({ clerk }: { clerk: DevelopmentClerk }): ReactElement {
  return (
    <ClerkProvider publishableKey={PUBLISHABLE_KEY} Clerk={clerk.asProp} telemetry={false}>
      <BackendProvider>
        <header>
          <h1>nest-clerk playground</h1>
          <p>
            This service on its offline Clerk: sign in, chat until the limit, and watch webhooks arrive. In
            development only. <a href="/docs">The API</a>
          </p>
        </header>
        <main>
          <div className="column">
            <SignInPanel clerk={clerk} />
            <TokenPanel />
          </div>
          <ChatPanel />
          <WebhooksPanel />
        </main>
      </BackendProvider>
    </ClerkProvider>
  );
}
