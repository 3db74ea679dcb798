import type { ClerkListing } from '../client/clerk-listing.js';
import type { WebhookInbox } from '../webhooks/webhook-inbox.js';
import { settlingDelivery } from './repair-deliveries.js';
import { isAskable, type KindName, type SyncKind, SYNC_KINDS } from './sync-kind.js';
import type { SyncStore } from './sync-store.js';

/** Rows of one kind that are looked up at once, and that one round of `settleSome` asks Clerk for. */
const ROWS_MAX = 100;

export interface TieBreakerParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  /** Where Clerk's word goes, so that handlers and revocations follow. */
  readonly inbox: WebhookInbox;
}

/** A kind of the instance (`ins_…`) that is asked. */
interface Settling {
  readonly kind: SyncKind;
  readonly instanceId: string;
}

/**
 * Settles rows of which it is not known whether they are newest, by asking Clerk for each. What it says goes into the inbox; a
 * webhook that is written meanwhile and is later than the row stays.
 */
export class TieBreaker {
  /** Where the next round of `settleSome` goes on: what Clerk does not settle must not keep it from the rest. */
  readonly #reachedIds = new Map<KindName, string>();

  constructor(private readonly parts: TieBreakerParts) {}

  /** Every row that is marked. @returns for how many Clerk's word was put into the inbox. @throws ClerkError */
  async settleAll(instanceId: string): Promise<number> {
    let settled = 0;
    for (const kind of SYNC_KINDS) settled += await this.settle({ kind, instanceId });
    return settled;
  }

  /** Every row of a kind that is marked. @returns as `settleAll` @throws ClerkError */
  async settle(settling: Settling): Promise<number> {
    const rows = this.parts.store.rows(settling.kind);
    let settled = 0;
    let ids = await rows.idsNeedingRefetch('', ROWS_MAX);
    while (ids.length > 0) {
      for (const clerkId of ids) if (await this.#settle(settling, clerkId)) settled += 1;
      ids = await rows.idsNeedingRefetch(ids.at(-1) ?? '', ROWS_MAX);
    }
    return settled;
  }

  /**
   * At most 100 rows of each kind, the next ones with each call. Asks Clerk nothing where none is marked, and settles none in a
   * database that was filled from another instance.
   *
   * @returns as `settleAll` @throws ClerkError; the reason of `signal`, which is looked at after each row
   */
  async settleSome(signal: AbortSignal): Promise<number> {
    let settled = 0;
    for (const kind of SYNC_KINDS) {
      const ids = await this.#nextIds(kind);
      const instanceId = ids.length === 0 ? null : await this.#ownInstanceId();
      if (instanceId === null) continue;
      for (const clerkId of ids) {
        if (await this.#settle({ kind, instanceId }, clerkId)) settled += 1;
        signal.throwIfAborted();
      }
    }
    return settled;
  }

  async #nextIds(kind: SyncKind): Promise<readonly string[]> {
    const afterId = this.#reachedIds.get(kind.name) ?? '';
    const ids = await this.parts.store.rows(kind).idsNeedingRefetch(afterId, ROWS_MAX);
    const isLast = ids.length < ROWS_MAX;
    this.#reachedIds.set(kind.name, isLast ? '' : (ids.at(-1) ?? ''));
    return ids;
  }

  /** Null where the database follows another. */
  async #ownInstanceId(): Promise<string | null> {
    const instanceId = await this.parts.listing.instanceId();
    const known = await this.parts.store.knownInstanceIds();
    return known.every((id) => id === instanceId) ? instanceId : null;
  }

  /** False where Clerk has no such thing, or an older state than the row, and where its word waits already. */
  async #settle({ kind, instanceId }: Settling, clerkId: string): Promise<boolean> {
    const { listing, store, inbox } = this.parts;
    // Read before Clerk is asked: a webhook that writes meanwhile is newer than the answer.
    const row = (await store.rows(kind).byIds([clerkId])).get(clerkId);
    if (row === undefined || row.isDeleted || !isAskable(kind, row.content)) return false;
    const raw = await kind.find(listing, row.content);
    const content = kind.parse(raw);
    if (content === null || content.updatedAt < row.content.updatedAt) return false;
    const delivery = settlingDelivery(instanceId, kind, { content, raw, row });
    return (await inbox.store(delivery)) === 'stored';
  }
}
