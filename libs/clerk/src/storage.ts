import { MemoryMirror } from './mirror/memory-mirror.js';
import type { Mirror } from './mirror/mirror.js';
import { prismaMirror } from './mirror/prisma-mirror.js';
import type { ClerkDatabase } from './clerk-database.js';
import { MemoryWebhookInbox } from './webhooks/memory-webhook-inbox.js';
import { PrismaWebhookInbox } from './webhooks/prisma-webhook-inbox.js';
import type { WebhookInbox } from './webhooks/webhook-inbox.js';

/** Where the mirror and webhooks are kept: both in the host's database, or both in this process. */
export interface Storage {
  readonly mirror: Mirror;
  readonly inbox: WebhookInbox;
}

export function createStorage(database: ClerkDatabase | null, instance: string): Storage {
  if (database !== null) {
    return { mirror: prismaMirror(database), inbox: new PrismaWebhookInbox(database, instance) };
  }
  const mirror = new MemoryMirror();
  return { mirror, inbox: new MemoryWebhookInbox(mirror, { nowMs: Date.now }) };
}
