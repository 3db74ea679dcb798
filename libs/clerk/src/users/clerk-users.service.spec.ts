import type { SessionAuth } from '../auth/auth.js';
import { ClerkUsers } from './clerk-users.service.js';
import { MemoryUserMirror } from './memory-user-mirror.js';
import type { UserLookup } from './user-mirror.js';

const AUTH: SessionAuth = {
  tokenType: 'session_token',
  instance: 'default',
  userId: 'user_1',
  sessionId: 'sess_1',
  organization: null,
  actorId: null,
  expiresAtMs: 0,
  claims: {},
};

/** Lets the first looks at the database return late, as a slow connection does. */
class SlowMirror extends MemoryUserMirror {
  readonly held: (() => void)[] = [];
  holds = 0;

  override async find(clerkId: string): Promise<UserLookup> {
    const found = await super.find(clerkId);
    if (this.holds === 0) return found;
    this.holds -= 1;
    await new Promise<void>((resolve) => this.held.push(resolve));
    return found;
  }
}

function setUp() {
  const mirror = new SlowMirror();
  const clerk = { calls: 0 };
  const users = new ClerkUsers({
    mirror,
    fetchUser: async () => {
      clerk.calls += 1;
      await Promise.resolve();
      return { id: 'user_1', created_at: 1, updated_at: 1, first_name: 'Ada', email_addresses: [] };
    },
  });
  return { mirror, clerk, users };
}

describe('a user who comes before his webhook', () => {
  it('is fetched once, however many requests bring him at once', async () => {
    const { clerk, users } = setUp();
    await Promise.all(Array.from({ length: 20 }, () => users.require(AUTH)));
    expect(clerk.calls).toBe(1);
  });

  it('is not fetched again for a request that looked before he was there, and hears of it after', async () => {
    const { mirror, clerk, users } = setUp();
    mirror.holds = 1;
    const late = users.require(AUTH);
    await new Promise((resolve) => setImmediate(resolve));
    await users.require(AUTH);
    for (const release of mirror.held) release();
    expect(await late).toMatchObject({ firstName: 'Ada' });
    expect(clerk.calls).toBe(1);
  });
});
