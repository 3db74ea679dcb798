import { type ClerkDatabase, type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import { PrismaWebhookStore } from './prisma-webhook-store.js';
import { ATTEMPTS_MAX, failureName, PROCESS_ENDED, retryDelayMs, STARTS_MAX } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import {
  type ApplyDelivery,
  type Claim,
  type ClaimKind,
  type HandleStep,
  type PruneBounds,
  type WebhookBacklog,
  WebhookInbox,
} from './webhook-inbox.js';
import * as sql from './prisma-webhook-statements.js';

/** How long a transaction may wait for a connection, and how long it may run, milliseconds. */
const TRANSACTION = { maxWait: 2_000, timeout: 8_000 };

/** A little more than the client's own limits, for a connection that swallows what it is told. */
const TRANSACTION_ANSWER_MS = TRANSACTION.maxWait + TRANSACTION.timeout + 500;

/** What the claims return: `timestampMs` as text, since drivers disagree on what a bigint is. */
type ClaimRow = Omit<WebhookDelivery, 'timestampMs'> & {
  readonly timestampMs: string;
  readonly attempts: number;
  readonly starts: number;
  readonly dueAt: Date;
};

/** How far an attempt has come. */
interface Attempt {
  isHeld: boolean;
  /** What the work itself failed with, which the transaction's own failure may hide. */
  failure: unknown;
}

interface Work {
  readonly claim: Claim;
  readonly apply: ApplyDelivery;
  readonly attempt: Attempt;
}

/** Deliveries in the host's PostgreSQL database, shared by every process on it that has the same registration. */
export class PrismaWebhookInbox extends WebhookInbox {
  readonly #store: PrismaWebhookStore;

  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {
    super();
    this.#store = new PrismaWebhookStore(database, registration);
  }

  store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    return this.#store.store(delivery);
  }

  async claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]> {
    const statement = kind === 'fresh' ? sql.CLAIM_FRESH : sql.CLAIM_SUSPECT;
    const rows = await databaseAnswer(
      this.database.$queryRawUnsafe<ClaimRow[]>(statement, this.registration, countMax),
    );
    return rows
      .toSorted((a, b) => a.dueAt.getTime() - b.dueAt.getTime() || (a.id < b.id ? -1 : 1))
      .map(toClaim);
  }

  async handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    if (claim.starts > STARTS_MAX) return this.#bury(claim);
    const attempt: Attempt = { isHeld: false, failure: null };
    try {
      return await databaseAnswer(this.#work({ claim, apply, attempt }), TRANSACTION_ANSWER_MS);
    } catch (failure) {
      // Before the row was held nothing of the delivery had begun: that is the database's failure, and not the delivery's.
      if (!attempt.isHeld) throw failure;
      return this.#recordFailure(claim, attempt.failure ?? failure);
    }
  }

  async release(claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return;
    const ids = JSON.stringify(claims.map(({ delivery }) => delivery.id));
    await databaseAnswer(this.database.$executeRawUnsafe(sql.RELEASE, ids));
  }

  async prune({ payloadDays, idDays, rowsMax }: PruneBounds): Promise<number> {
    const prune = (statement: string, days: number) =>
      databaseAnswer(this.database.$executeRawUnsafe(statement, this.registration, days, rowsMax));
    return (await prune(sql.PRUNE_PAYLOADS, payloadDays)) + (await prune(sql.PRUNE_IDS, idDays));
  }

  async backlog(): Promise<WebhookBacklog> {
    const [row] = await databaseAnswer(
      this.database.$queryRawUnsafe<WebhookBacklog[]>(sql.BACKLOG, this.registration),
    );
    return row ?? { pending: 0, dead: 0, oldestPendingSeconds: 0, lastReceivedSeconds: null };
  }

  #work({ claim, apply, attempt }: Work): Promise<HandleStep> {
    return this.database.$transaction(async (transaction): Promise<HandleStep> => {
      const held = await transaction.$queryRawUnsafe<unknown[]>(sql.HOLD, claim.delivery.id, claim.attempts);
      if (held.length === 0) return { outcome: 'taken' };
      attempt.isHeld = true;
      try {
        return await applyHeld(transaction, claim.delivery, apply);
      } catch (failure) {
        attempt.failure = failure;
        throw failure;
      }
    }, TRANSACTION);
  }

  async #recordFailure(claim: Claim, cause: unknown): Promise<HandleStep> {
    const attempts = claim.attempts + 1;
    const isDead = attempts >= ATTEMPTS_MAX;
    const status = isDead ? 'dead' : 'pending';
    const delayMs = retryDelayMs(attempts, Math.random());
    const { id } = claim.delivery;
    await databaseAnswer(
      this.database.$executeRawUnsafe(sql.FAIL, id, attempts, status, delayMs, failureName(cause)),
    );
    return { outcome: 'failed', deliveryId: id, attempts, isDead, cause };
  }

  async #bury({ delivery: { id }, attempts }: Claim): Promise<HandleStep> {
    const cause = Object.assign(new Error('Processes ended over it.'), { code: PROCESS_ENDED });
    const rows = await databaseAnswer(
      this.database.$executeRawUnsafe(sql.FAIL, id, attempts + 1, 'dead', 0, PROCESS_ENDED),
    );
    if (rows === 0) return { outcome: 'taken' };
    return { outcome: 'failed', deliveryId: id, attempts: attempts + 1, isDead: true, cause };
  }
}

function toClaim({ attempts, starts, timestampMs, dueAt: _dueAt, ...delivery }: ClaimRow): Claim {
  return { delivery: { ...delivery, timestampMs: Number(timestampMs) }, attempts, starts };
}

async function applyHeld(
  transaction: ClerkDatabaseConnection,
  delivery: WebhookDelivery,
  apply: ApplyDelivery,
): Promise<HandleStep> {
  const result = await apply(delivery, prismaMirror(transaction), transaction);
  const isDeletion = delivery.type === 'user.deleted' && result !== 'foreign';
  if (isDeletion) await transaction.$executeRawUnsafe(sql.WIPE_PAYLOADS, delivery.userId);
  await transaction.$executeRawUnsafe(sql.FINISH, delivery.id, result);
  return { outcome: 'handled', delivery, result };
}
