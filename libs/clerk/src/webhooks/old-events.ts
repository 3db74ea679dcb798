import { ClerkError } from '../clerk-error.js';
import { withDeadline } from '../deadline.js';
import { isAskable, type MirroredContent, type SyncKind, SYNC_KINDS } from '../sync/sync-kind.js';
import type { SyncStore } from '../sync/sync-store.js';
import { isRepair, type WebhookDelivery } from './webhook-delivery.js';

export interface OldEventsParts {
  readonly store: Pick<SyncStore, 'rows'>;
  /** What Clerk has of it, as it sends it in webhooks; null where it has none. */
  readonly find: (kind: SyncKind, content: MirroredContent) => Promise<unknown>;
  /** `ins_…`: whom `find` asks. */
  readonly fetchInstanceId: () => Promise<string>;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** What is sent again from a dashboard may be months old: https://docs.svix.com/retention keeps it for 90 days (read 2026-11-21). */
const OLD_MS = 3_600_000;
/** Well below the time that a delivery may take, milliseconds. */
const ANSWER_MS_MAX = 3_000;
/** Clerk may answer from a copy that lags: what it has not must still be missing after this, milliseconds. */
const SECOND_LOOK_MS = 5_000;
const ABSENT_MAX = 1_000;

/**
 * Asks Clerk before an old event brings a user, an organisation or a membership that the database does not know: it may have been
 * deleted long ago, and what said so be gone from the database.
 */
export class OldEvents {
  /** When Clerk first did not have it, by its id; Unix time, milliseconds. */
  readonly #absentSince = new Map<string, number>();

  constructor(private readonly parts: OldEventsParts) {}

  /**
   * The delivery to apply: the one given, or with what Clerk says of it now. Null where Clerk has it no more, asked twice. Nothing is
   * written of that, as nothing was there.
   *
   * @throws ClerkError CLERK_UNAVAILABLE within 3 s, and for a first look that finds nothing; CLERK_RATE_LIMITED,
   * CLERK_SECRET_KEY_REJECTED (of another instance, too), DATABASE_UNAVAILABLE
   */
  async current(delivery: WebhookDelivery): Promise<WebhookDelivery | null> {
    const { find, store } = this.parts;
    const { payload, timestampMs } = delivery;
    const kind = this.#isOld(delivery) ? kindOf(delivery.type) : undefined;
    const content = kind?.parse(payload?.['data'], timestampMs) ?? null;
    if (kind === undefined || content === null || !isAskable(kind, content)) return delivery;
    const { clerkId } = content;
    if ((await store.rows(kind).byIds([clerkId])).has(clerkId)) return delivery;
    const data = await withDeadline(find(kind, content), ANSWER_MS_MAX, tooLate);
    if (data === null) return this.#absent(clerkId, delivery.instanceId);
    this.#absentSince.delete(clerkId);
    return { ...delivery, payload: { ...payload, data } };
  }

  #isOld(delivery: WebhookDelivery): boolean {
    // A repair is what Clerk has just said.
    return !isRepair(delivery) && this.parts.nowMs() - delivery.timestampMs > OLD_MS;
  }

  async #absent(clerkId: string, instanceId: string | null): Promise<null> {
    const asked = await withDeadline(this.parts.fetchInstanceId(), ANSWER_MS_MAX, tooLate);
    if (instanceId !== null && asked !== instanceId) {
      throw new ClerkError(
        'CLERK_SECRET_KEY_REJECTED',
        `The secret key is of ${asked}, which does not know what ${instanceId} has. Set the key of the instance that sends the webhooks.`,
      );
    }
    const nowMs = this.parts.nowMs();
    const sinceMs = this.#absentSince.get(clerkId) ?? nowMs;
    if (nowMs - sinceMs < SECOND_LOOK_MS) {
      this.#note(clerkId, sinceMs);
      throw new ClerkError('CLERK_UNAVAILABLE', 'Clerk does not have it: it is asked once more.');
    }
    this.#absentSince.delete(clerkId);
    return null;
  }

  #note(clerkId: string, sinceMs: number): void {
    this.#absentSince.set(clerkId, sinceMs);
    if (this.#absentSince.size <= ABSENT_MAX) return;
    const [oldest = clerkId] = this.#absentSince.keys();
    this.#absentSince.delete(oldest);
  }
}

/** Of an event that may bring something. */
function kindOf(type: string): SyncKind | undefined {
  return SYNC_KINDS.find(
    ({ eventFamily }) => type === `${eventFamily}.created` || type === `${eventFamily}.updated`,
  );
}

function tooLate(): ClerkError {
  return new ClerkError('CLERK_UNAVAILABLE', `Clerk did not say within ${ANSWER_MS_MAX} ms what it has.`);
}
