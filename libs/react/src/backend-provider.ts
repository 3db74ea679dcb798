import { useAuth } from '@clerk/react';
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useMemo } from 'react';

import { BackendClient } from './backend-client.js';
import { BackendUserStore } from './backend-user-store.js';

/** What the hooks of one user share; null while nobody is signed in. */
export type Backend = { readonly client: BackendClient; readonly users: BackendUserStore } | null;

const BackendContext = createContext<Backend | undefined>(undefined);

export interface BackendProviderProps {
  /** Origin of the service, `https://api.example.com`, which must allow the page's (CORS). @default the page's own origin */
  readonly baseUrl?: string;
  readonly children?: ReactNode;
}

/** Stands inside `<ClerkProvider>` and around whatever uses the hooks. What it holds is the signed-in user's alone. */
export function BackendProvider({ baseUrl = '', children }: BackendProviderProps): ReactElement {
  const { userId, getToken } = useAuth();
  const backend = useMemo(() => {
    if (!userId) return null;
    const client = new BackendClient({ baseUrl, userId, getToken });
    return { client, users: new BackendUserStore(client) };
  }, [baseUrl, userId, getToken]);
  return createElement(BackendContext.Provider, { value: backend }, children);
}

/** @throws Error outside of `<BackendProvider>` */
export function useBackend(): Backend {
  const backend = useContext(BackendContext);
  if (backend === undefined) throw new Error('Put <BackendProvider> around what uses this hook.');
  return backend;
}
