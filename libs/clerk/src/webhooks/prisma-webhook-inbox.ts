import { setTimeout as pause } from 'node:timers/promises';

import { type ClerkDatabase, type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import { isOutage } from './outage.js';
import { PrismaWebhookStore } from './prisma-webhook-store.js';
import {
  ATTEMPTS_MAX,
  failureName,
  outageDelayMs,
  PROCESS_ENDED,
  retryDelayMs,
  STARTS_MAX,
} from './retry-delay.js';
import { isBesideUser, type WebhookDelivery } from './webhook-delivery.js';
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

/**
 * Whoever claims locks rows for as long as his statement takes, also one that he then finds claimed. So a row that cannot be held is
 * looked at again after so many milliseconds: without that nobody would come back to it before its claim has run out.
 */
const HOLD_AGAIN_MS = [20, 100];

/** What the claims return: `timestampMs` as text, since drivers disagree on what a bigint is. */
type ClaimRow = Omit<WebhookDelivery, 'timestampMs'> &
  Omit<Claim, 'delivery'> & {
    readonly timestampMs: string;
    readonly dueAt: Date;
  };

interface HeldRow {
  /** Since it was claimed its user may have been deleted. */
  readonly isWiped: boolean;
}

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

  requireStorage(): Promise<void> {
    return this.#store.requireWritable();
  }

  async claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]> {
    const rows = await databaseAnswer(
      this.database.$queryRawUnsafe<ClaimRow[]>(sql.CLAIM[kind], this.registration, countMax),
    );
    return rows
      .toSorted((a, b) => a.dueAt.getTime() - b.dueAt.getTime() || (a.id < b.id ? -1 : 1))
      .map(toClaim);
  }

  async handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    if (claim.starts > STARTS_MAX) return this.#bury(claim);
    const attempt: Attempt = { isHeld: false, failure: null };
    try {
      return await this.#holdAndWork({ claim, apply, attempt });
    } catch (failure) {
      // Before the row was held nothing of the delivery had begun: that is the database's failure, and not the delivery's.
      if (!attempt.isHeld) throw failure;
      const cause = attempt.failure ?? failure;
      return isOutage(cause) ? this.#postpone(claim, cause) : this.#recordFailure(claim, cause);
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

  async #holdAndWork(work: Work): Promise<HandleStep> {
    const step = () => databaseAnswer(this.#work(work), TRANSACTION_ANSWER_MS);
    let done = await step();
    for (const ms of HOLD_AGAIN_MS) {
      if (done.outcome !== 'taken') break;
      await pause(ms);
      done = await step();
    }
    return done;
  }

  #work({ claim, apply, attempt }: Work): Promise<HandleStep> {
    return this.database.$transaction(async (transaction): Promise<HandleStep> => {
      const { id } = claim.delivery;
      const [held] = await transaction.$queryRawUnsafe<HeldRow[]>(sql.HOLD, id, claim.attempts);
      if (held === undefined) return { outcome: 'taken' };
      attempt.isHeld = true;
      const isWithheld = held.isWiped && isBesideUser(claim.delivery);
      const delivery = isWithheld ? { ...claim.delivery, payload: null } : claim.delivery;
      try {
        return await applyHeld(transaction, delivery, apply);
      } catch (failure) {
        attempt.failure = failure;
        throw failure;
      }
    }, TRANSACTION);
  }

  async #postpone({ delivery: { id }, attempts, waitedMs }: Claim, cause: unknown): Promise<HandleStep> {
    const delayMs = outageDelayMs(waitedMs, Math.random());
    await databaseAnswer(
      this.database.$executeRawUnsafe(sql.POSTPONE, id, attempts, delayMs, failureName(cause)),
    );
    return { outcome: 'postponed', deliveryId: id, cause };
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

function toClaim({ attempts, starts, waitedMs, timestampMs, dueAt: _dueAt, ...delivery }: ClaimRow): Claim {
  return { delivery: { ...delivery, timestampMs: Number(timestampMs) }, attempts, starts, waitedMs };
}

async function applyHeld(
  transaction: ClerkDatabaseConnection,
  delivery: WebhookDelivery,
  apply: ApplyDelivery,
): Promise<HandleStep> {
  const result = await apply(delivery, prismaMirror(transaction), transaction);
  const isDeletion = delivery.type === 'user.deleted' && result !== 'foreign';
  if (isDeletion) await transaction.$executeRawUnsafe(sql.WIPE_PAYLOADS, delivery.userId);
  if (result !== 'applied' || isBesideUser(delivery)) {
    if (delivery.userId !== null) await transaction.$queryRawUnsafe(sql.AWAIT_DELETION, delivery.userId);
    await transaction.$executeRawUnsafe(sql.CORRECT, delivery.id, result);
  }
  return { outcome: 'handled', delivery, result };
}
