import { MemoryMirror } from './mirror/memory-mirror.js';
import type { Mirror } from './mirror/mirror.js';
import { MemoryStore } from './mirror/memory-store.js';
import { prismaMirror } from './mirror/prisma-mirror.js';
import type { ClerkDatabase } from './clerk-database.js';
import { MemorySyncStore } from './sync/memory-sync-store.js';
import { PrismaSyncStore } from './sync/prisma-sync-store.js';
import type { SyncStore } from './sync/sync-store.js';
import { MemoryWebhookInbox } from './webhooks/memory-webhook-inbox.js';
import { PrismaWebhookInbox } from './webhooks/prisma-webhook-inbox.js';
import type { WebhookInbox } from './webhooks/webhook-inbox.js';

/** Where the mirror, webhooks and the state of long jobs are kept: all in the host's database, or all in this process. */
export interface Storage {
  readonly mirror: Mirror;
  readonly inbox: WebhookInbox;
  readonly sync: SyncStore;
}

export function createStorage(database: ClerkDatabase | null, instance: string): Storage {
  if (database !== null) {
    return {
      mirror: prismaMirror(database),
      inbox: new PrismaWebhookInbox(database, instance),
      sync: new PrismaSyncStore(database, instance),
    };
  }
  const rows = new MemoryStore();
  const mirror = new MemoryMirror(rows);
  return {
    mirror,
    inbox: new MemoryWebhookInbox(mirror, { nowMs: Date.now }),
    sync: new MemorySyncStore(rows),
  };
}
