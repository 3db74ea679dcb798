import type { ClerkSandbox } from 'clerk-sandbox';
import type { ClerkDatabase } from 'nest-clerk';

import { ClerkBackend } from '../../libs/clerk/src/client/clerk-backend.js';
import { createStorage } from '../../libs/clerk/src/storage.js';
import { ClerkSync, type ClerkSyncParts } from '../../libs/clerk/src/sync/clerk-sync.service.js';

/** A new process's view of Clerk and of the database: its own budget of calls, nothing remembered. */
export function createSync(
  clerk: Pick<ClerkSandbox, 'secretKey' | 'url'>,
  database: ClerkDatabase,
  overrides: Partial<Pick<ClerkSyncParts, 'sleep'>> = {},
): ClerkSync {
  const backend = new ClerkBackend({
    secretKey: clerk.secretKey,
    apiUrl: clerk.url,
    publishableKey: null,
    jwtKey: null,
    requestTimeoutMs: 5_000,
  });
  const { sync: store, inbox } = createStorage(database, 'default');
  return new ClerkSync({
    listing: backend.listing,
    store,
    inbox,
    sleep: () => Promise.resolve(),
    ...overrides,
  });
}

let planted = 0;

/** `count` users, `perMoment` of them created in each millisecond. */
export function plantUsers(
  clerk: ClerkSandbox,
  count: number,
  { perMoment = 1, fromMs = 1_700_000_000_000 } = {},
): string[] {
  return Array.from({ length: count }, (_, index) => {
    planted += 1;
    const created_at = new Date(fromMs + Math.floor(index / perMoment)).toISOString();
    return clerk.users.create({
      email_address: [`planted${planted}@example.com`],
      first_name: `P${planted}`,
      created_at,
    }).id;
  });
}
