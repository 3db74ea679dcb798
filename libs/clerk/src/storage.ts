import { MemoryUserMirror } from './users/memory-user-mirror.js';
import { PrismaUserMirror } from './users/prisma-user-mirror.js';
import type { UserMirror } from './users/user-mirror.js';
import type { ClerkDatabase } from './clerk-database.js';
import { MemoryWebhookInbox } from './webhooks/memory-webhook-inbox.js';
import { PrismaWebhookInbox } from './webhooks/prisma-webhook-inbox.js';
import type { WebhookInbox } from './webhooks/webhook-inbox.js';

/** Where users and webhooks are kept: both in the host's database, or both in this process. */
export interface Storage {
  readonly users: UserMirror;
  readonly inbox: WebhookInbox;
}

export function createStorage(database: ClerkDatabase | null, instance: string): Storage {
  if (database !== null) {
    return { users: new PrismaUserMirror(database), inbox: new PrismaWebhookInbox(database, instance) };
  }
  const users = new MemoryUserMirror();
  return { users, inbox: new MemoryWebhookInbox(users, { nowMs: Date.now }) };
}
