import { ClerkSandbox } from 'clerk-sandbox';

import { ClerkBackend } from '../client/clerk-backend.js';
import { createStorage, type Storage } from '../storage.js';
import { parseClerkUser } from '../users/clerk-user.js';
import { applyDelivery } from '../webhooks/apply-delivery.js';
import { ClerkSync } from './clerk-sync.service.js';

let clerk: ClerkSandbox;
let storage: Storage;

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
  storage = createStorage(null, 'default');
});

afterEach(() => clerk.stop());

function createSync(secretKey: string | null = clerk.secretKey): ClerkSync {
  const options = { apiUrl: clerk.url, publishableKey: null, jwtKey: null, requestTimeoutMs: 5_000 };
  const { listing } = new ClerkBackend({ ...options, secretKey });
  return new ClerkSync({
    listing,
    store: storage.sync,
    inbox: storage.inbox,
    sleep: () => Promise.resolve(),
  });
}

const plant = (count: number) =>
  Array.from({ length: count }, (_, index) => clerk.users.create({ username: `user_${index}` }).id);

async function drain(): Promise<void> {
  for (;;) {
    const step = await storage.inbox.drainOne(
      async (delivery, mirror) => (await applyDelivery(delivery, mirror)).result,
    );
    if (step.outcome === 'idle') return;
  }
}

describe('without a database', () => {
  it('a backfill brings all into this process, once by two at once, and what has changed when it comes again', async () => {
    const ids = plant(700);
    const organization = clerk.organizations.create({ name: 'Shop', created_by: ids[0] });
    const results = await Promise.all([createSync().backfill(), createSync().backfill()]);
    const users = { seen: 700, created: 700, updated: 0 };
    const complete = {
      outcome: 'complete',
      kinds: { users, organizations: { seen: 1 }, memberships: { seen: 1 } },
    };
    expect(results).toMatchObject([complete, complete]);
    for (const id of ids) expect(await storage.mirror.users.find(id)).toMatchObject({ outcome: 'found' });
    expect(await storage.mirror.organizations.find(organization.id)).toMatchObject({ outcome: 'found' });
    clerk.users.update(ids[0] ?? '', { first_name: 'Changed' });
    expect(await createSync().backfill()).toMatchObject({
      kinds: { users: { seen: 700, created: 0, updated: 1 } },
    });
  });

  it('a reconcile mends what webhooks have missed', async () => {
    const [changed = '', gone = ''] = plant(60);
    await createSync().backfill();
    const [created = ''] = [clerk.users.create({ username: 'late' }).id];
    clerk.users.update(changed, { first_name: 'Changed' });
    clerk.users.delete(gone);
    expect(await createSync().reconcile()).toMatchObject({ missing: 1, stale: 1, extra: 1, fuse: null });
    await drain();
    expect(await storage.mirror.users.find(created)).toMatchObject({ outcome: 'found' });
    expect(await storage.mirror.users.find(changed)).toMatchObject({ user: { firstName: 'Changed' } });
    expect(await storage.mirror.users.find(gone)).toMatchObject({ outcome: 'deleted' });
    expect(await createSync().reconcile()).toMatchObject({ missing: 0, stale: 0, extra: 0, deliveryIds: [] });
  });

  describe('rows in doubt', () => {
    /** Of each, two states with Clerk's `updated_at`, neither of them Clerk's. */
    const doubt = async (users: readonly { readonly updated_at: number }[]) => {
      for (const user of users) {
        for (const first_name of ['One', 'Other']) {
          const profile = parseClerkUser({ ...user, first_name });
          if (profile === null) throw new Error('It is no user.');
          const { updated_at: updatedAtMs } = user;
          const version = { updatedAtMs, timestampMs: updatedAtMs, deliveryId: `msg_${first_name}` };
          await storage.mirror.users.upsert(profile, version);
        }
      }
    };
    const inDoubt = () => storage.mirror.users.listInDoubt(10_000);

    it('are settled 100 at a time, by several once, and those that cannot be keep nobody from it', async () => {
      const ids = plant(3);
      const [settled = ''] = ids;
      const user = clerk.users.get(settled);
      // No id of Clerk's, and before any in the order of ids.
      const lost = Array.from({ length: 100 }, (_, index) => `user_!${String(index).padStart(3, '0')}`);
      await doubt([...lost.map((id) => ({ ...user, id })), ...ids.map((id) => clerk.users.get(id))]);
      const [sync, other] = [createSync(), createSync()];
      expect([await sync.settleDoubts(), await sync.settleDoubts()]).toEqual([0, 3]);
      expect([await other.settleDoubts(), await other.settleDoubts()]).toEqual([0, 0]);
      await drain();
      expect((await inDoubt()).toSorted()).toEqual(lost);
      expect(await storage.mirror.users.find(settled)).toMatchObject({
        user: { firstName: user.first_name },
      });
    });

    it('are settled again when they are in doubt again', async () => {
      const [id = ''] = plant(1);
      for (let round = 0; round < 3; round += 1) {
        await doubt([clerk.users.get(id)]);
        expect(await createSync().settleDoubts()).toBe(1);
        await drain();
        expect(await inDoubt()).toEqual([]);
      }
    });

    it('are not asked about where there are none, nor settled with what another instance says', async () => {
      expect(await createSync().settleDoubts()).toBe(0);
      expect([...clerk.requestCounts.values()]).toEqual([]);
      const [id = ''] = plant(1);
      await doubt([clerk.users.get(id)]);
      await storage.sync.open('ins_other');
      expect(await createSync().settleDoubts()).toBe(0);
      await drain();
      expect(await inDoubt()).toEqual([id]);
    });
  });

  it('another instance is refused', async () => {
    await storage.sync.open('ins_other');
    expect(await createSync().backfill()).toMatchObject({ outcome: 'refused', reason: 'INSTANCE_DIFFERS' });
  });
});

it('without a secret key both say so', async () => {
  const code = 'CLERK_SECRET_KEY_REJECTED';
  await expect(createSync(null).backfill()).rejects.toMatchObject({ code });
  await expect(createSync(null).reconcile()).rejects.toMatchObject({ code });
});

describe.each(['backfill', 'reconcile'] as const)('a %s', (job) => {
  it('ends at the next page when its signal is aborted, with the reason of that', async () => {
    plant(1_100);
    const controller = new AbortController();
    const reason = new Error('enough');
    let pages = 0;
    const running = createSync()[job]({
      signal: controller.signal,
      onProgress: () => {
        pages += 1;
        controller.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    expect(pages).toBe(1);
    expect(await createSync().backfill()).toMatchObject({
      kinds: { users: { seen: 1_100, created: 1_100 } },
    });
  });

  it('ends at the next page when the application shuts down, which waits for that page', async () => {
    plant(1_100);
    const sync = createSync();
    let pages = 0;
    let closing: Promise<void> | undefined;
    const ended: string[] = [];
    const running = sync[job]({
      onProgress: () => {
        pages += 1;
        closing ??= sync.onModuleDestroy().then(() => void ended.push('closed'));
      },
    }).catch((error: unknown) => {
      ended.push('job');
      throw error;
    });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await closing;
    expect([pages, ended]).toEqual([1, ['job', 'closed']]);
    await expect(sync[job]()).rejects.toMatchObject({ name: 'AbortError' });
    expect(clerk.requestCounts.get('GET /v1/users')).toBe(job === 'reconcile' ? 2 : 1);
  });
});
