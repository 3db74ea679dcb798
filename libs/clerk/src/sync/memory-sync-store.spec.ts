import { ClerkSandbox } from 'clerk-sandbox';

import { ClerkBackend } from '../client/clerk-backend.js';
import { MemoryMirror } from '../mirror/memory-mirror.js';
import { MemorySyncStore } from './memory-sync-store.js';
import { Patience } from './patience.js';
import { UserBackfill } from './user-backfill.js';

let clerk: ClerkSandbox;

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
});

afterEach(() => clerk.stop());

function createBackfill(store: MemorySyncStore): UserBackfill {
  const { secretKey, url: apiUrl } = clerk;
  const options = { secretKey, apiUrl, publishableKey: null, jwtKey: null, requestTimeoutMs: 5_000 };
  const { listing } = new ClerkBackend(options);
  const patience = new Patience(() => Promise.resolve());
  return new UserBackfill({ listing, store, ties: null, patience });
}

describe('a backfill without a database', () => {
  it('brings every user into this process, once by two at once, and what has changed when it comes again', async () => {
    const ids = Array.from(
      { length: 700 },
      (_, index) => clerk.users.create({ username: `user_${index}` }).id,
    );
    const mirror = new MemoryMirror();
    const store = new MemorySyncStore(mirror);
    const results = await Promise.all([createBackfill(store).run(), createBackfill(store).run()]);
    const all = { outcome: 'complete', seen: 700, created: 700, updated: 0 };
    expect(results).toMatchObject([all, all]);
    for (const id of ids) expect(await mirror.users.find(id)).toMatchObject({ outcome: 'found' });
    clerk.users.update(ids[0] ?? '', { first_name: 'Changed' });
    expect(await createBackfill(store).run()).toMatchObject({ seen: 700, created: 0, updated: 1 });
  });

  it('refuses another instance', async () => {
    const store = new MemorySyncStore(new MemoryMirror());
    await store.open('ins_other');
    expect(await createBackfill(store).run()).toMatchObject({
      outcome: 'refused',
      reason: 'INSTANCE_DIFFERS',
    });
  });
});
