import { Injectable } from '@nestjs/common';

import { EmbeddedClerk } from '../clerk/embedded-clerk.js';
import { PrismaService } from '../database/prisma.service.js';
import { FailingWebhook } from './failing-webhook.js';

const LISTED = 50;
/** A first attempt ends within this, milliseconds. */
const FIRST_ATTEMPT_MS_MAX = 5_000;
const LOOK_EVERY_MS = 50;

// $1 id
// Guarantees: the attempt that comes next is the last, and comes now. One that has not failed yet stays as it is.
// 9: one less than the attempts that the library makes, which is no public API of it; the browser test sees that ten were made.
const HURRY = `UPDATE clerk_webhook_events SET attempts = 9, next_attempt_at = now()
  WHERE id = $1 AND status = 'pending' AND attempts > 0`;

/** A webhook as Clerk sent it and as it lies in the inbox, without its body. */
export interface ListedWebhook {
  readonly id: string;
  readonly type: string;
  /** Unix time, milliseconds. */
  readonly sent_at_ms: number;
  /** HTTP status of each delivery; null where there was no answer. */
  readonly deliveries: readonly (number | null)[];
  /** Null until it is stored. */
  readonly inbox: {
    readonly status: string;
    readonly attempts: number;
    readonly last_error: string | null;
  } | null;
}

@Injectable()
export class PlaygroundWebhooks {
  constructor(
    private readonly clerk: EmbeddedClerk,
    private readonly prisma: PrismaService,
    private readonly failing: FailingWebhook,
  ) {}

  /** The last 50, newest first. */
  async list(): Promise<ListedWebhook[]> {
    const messages = this.clerk.sandbox.webhooks.messages().slice(0, LISTED);
    const rows = await this.prisma.clerkWebhookEvent.findMany({
      where: { id: { in: messages.map(({ id }) => id) } },
      select: { id: true, status: true, attempts: true, lastError: true },
    });
    const rowById = new Map(rows.map((row) => [row.id, row]));
    return messages.map(({ id, type, createdAtMs, attempts }) => {
      const row = rowById.get(id);
      return {
        id,
        type,
        sent_at_ms: createdAtMs,
        deliveries: attempts.map(({ status }) => status),
        inbox:
          row === undefined
            ? null
            : { status: row.status, attempts: row.attempts, last_error: row.lastError },
      };
    });
  }

  /** Changes the user at Clerk, with a handler that fails at it; its ten attempts take two here, in place of 45 minutes. */
  async sendFailing(userId: string): Promise<{ id: string }> {
    const { users, webhooks } = this.clerk.sandbox;
    users.update(userId, { unsafe_metadata: { playground: Date.now() } });
    const [message] = webhooks.messages();
    const id = message?.id ?? '';
    // In time: it is sent from here, and has not left yet.
    this.failing.break(id);
    const deadlineMs = Date.now() + FIRST_ATTEMPT_MS_MAX;
    while ((await this.prisma.$executeRawUnsafe(HURRY, id)) === 0 && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return { id };
  }

  /** Sends it again under its id, as Clerk's dashboard does, with the handler mended for it. False: Clerk has it no more. */
  replay(id: string): boolean {
    this.failing.mend(id);
    return this.clerk.sandbox.webhooks.replay(id);
  }
}
