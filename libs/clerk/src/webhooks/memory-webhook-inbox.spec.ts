import { ClerkError } from '../clerk-error.js';
import { MemoryMirror } from '../mirror/memory-mirror.js';
import { HandlerTimeoutError } from './handler-time.js';
import { MemoryWebhookInbox } from './memory-webhook-inbox.js';
import { ATTEMPTS_MAX } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import { describeWebhookInbox } from './webhook-inbox.contract.js';

const delivery = (id: string): WebhookDelivery => ({
  id,
  type: 'session.created',
  entityId: 'sess_1',
  userId: null,
  timestampMs: 1,
  instanceId: null,
  payload: {},
});

describe('webhooks in memory', () => {
  describeWebhookInbox(() => {
    const mirror = new MemoryMirror();
    return { users: mirror.users, inbox: new MemoryWebhookInbox(mirror, { nowMs: Date.now }) };
  });

  it('are bounded: what does not fit is refused, so that Clerk sends it again', async () => {
    const inbox = new MemoryWebhookInbox(new MemoryMirror(), { nowMs: Date.now, deliveriesMax: 2 });
    await inbox.store(delivery('msg_1'));
    await inbox.store(delivery('msg_2'));
    await expect(inbox.store(delivery('msg_3'))).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  it('are tried again with growing pauses, and parked as dead in the end', async () => {
    const clock = { nowMs: 0 };
    const inbox = new MemoryWebhookInbox(new MemoryMirror(), { nowMs: () => clock.nowMs });
    await inbox.store(delivery('msg_1'));
    const fail = () => inbox.drainOne(() => Promise.reject(new Error('no')));
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      expect(await fail()).toMatchObject({
        outcome: 'failed',
        attempts: attempt,
        isDead: attempt === ATTEMPTS_MAX,
      });
      clock.nowMs += 0.79 * 5_000 * 2 ** (attempt - 1);
      expect(await fail()).toEqual({ outcome: 'idle' });
      clock.nowMs += 0.42 * 5_000 * 2 ** (attempt - 1);
    }
    expect(await fail()).toEqual({ outcome: 'idle' });
    expect(await inbox.store(delivery('msg_1'))).toBe('stored');
  });

  it('that took too long are claimed apart, until they fail of something else', async () => {
    const clock = { nowMs: 0 };
    const inbox = new MemoryWebhookInbox(new MemoryMirror(), { nowMs: () => clock.nowMs });
    await inbox.store(delivery('msg_1'));
    const late = new HandlerTimeoutError('late');
    for (const [kind, other, cause] of [
      ['fresh', 'slow', late],
      ['slow', 'fresh', late],
      ['slow', 'fresh', new Error('no')],
      ['fresh', 'slow', late],
    ] as const) {
      expect(await inbox.claim(other, 1)).toEqual([]);
      const [claim] = await inbox.claim(kind, 1);
      if (claim === undefined) throw new Error('It is due.');
      await inbox.handle(claim, () => Promise.reject(cause));
      clock.nowMs += 100_000;
    }
  });

  it('outlast any number of outages', async () => {
    const clock = { nowMs: 0 };
    const inbox = new MemoryWebhookInbox(new MemoryMirror(), { nowMs: () => clock.nowMs });
    await inbox.store(delivery('msg_1'));
    for (let outage = 0; outage <= ATTEMPTS_MAX; outage += 1) {
      const step = await inbox.drainOne(() =>
        Promise.reject(new ClerkError('CLERK_RATE_LIMITED', 'Slower.')),
      );
      expect(step.outcome).toBe('postponed');
      expect(await inbox.claim('fresh', 1)).toEqual([]);
      // As long again as it has waited, a minute at most, and a fifth more.
      clock.nowMs += 1.2 * Math.min(Math.max(clock.nowMs, 5_000), 60_000);
    }
    expect(await inbox.claim('fresh', 1)).toMatchObject([{ attempts: 0 }]);
  });
});
