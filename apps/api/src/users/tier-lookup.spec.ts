import { Logger } from '@nestjs/common';
import type { Auth, ClerkService, MirroredUser } from 'nest-clerk';

import { TierLookup } from './tier-lookup.js';

const SESSION = { tokenType: 'session_token', userId: 'user_1', claims: {} } as unknown as Auth;

/** Stands still unless it is moved. */
let nowMs: number;
let asked: string[];
let isDown: boolean;
let tierOfUser: string;

// What the lookup takes from the database, and the database's outage.
const clerk = {
  async findMirroredUser(userId: string) {
    asked.push(userId);
    if (isDown) throw Object.assign(new Error('ada@example.com'), { code: 'DATABASE_UNAVAILABLE' });
    return { outcome: 'found', user: { metadata: { tier: tierOfUser } } };
  },
  async findMirroredOrganization(organizationId: string) {
    asked.push(organizationId);
    return { outcome: 'unknown' };
  },
  subscriptionPlan: async (ownerId: string) => (ownerId === 'org_1' ? 'enterprise' : null),
} as unknown as ClerkService;

beforeEach(() => {
  [nowMs, asked, isDown, tierOfUser] = [1_000, [], false, 'PRO'];
  import.meta.jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  Logger.overrideLogger(false);
});

afterEach(() => import.meta.jest.restoreAllMocks());

describe('the tier by the database', () => {
  it('is asked for once a minute, however many ask at once, and is there at once in between', async () => {
    const tiers = new TierLookup(clerk);
    expect(await Promise.all([tiers.of('user_1', SESSION), tiers.of('user_1', SESSION)])).toEqual([
      'PRO',
      'PRO',
    ]);
    tierOfUser = 'ENTERPRISE';
    nowMs += 59_999;
    expect(tiers.of('user_1', SESSION)).toBe('PRO');
    nowMs += 1;
    expect(await tiers.of('user_1', SESSION)).toBe('ENTERPRISE');
    expect(asked).toEqual(['user_1', 'user_1']);
  });

  it('of a user at hand is as the row says now, and stays so for the next calls', async () => {
    const tiers = new TierLookup(clerk);
    expect(await tiers.of('user_1', SESSION)).toBe('PRO');
    const row = { clerkId: 'user_1', metadata: { tier: 'ENTERPRISE' } } as unknown as MirroredUser;
    expect(await tiers.ofUser(row, SESSION)).toBe('ENTERPRISE');
    expect(tiers.of('user_1', SESSION)).toBe('ENTERPRISE');
    const named = { ...SESSION, claims: { pla: 'u:free_user' } } as unknown as Auth;
    expect(await tiers.ofUser(row, named)).toBe('FREE');
    expect(tiers.of('user_1', SESSION)).toBe('ENTERPRISE');
  });

  it('is not asked for where the token names a plan', () => {
    const auth = {
      tokenType: 'session_token',
      userId: 'user_1',
      claims: { pla: 'u:pro' },
    } as unknown as Auth;
    expect(new TierLookup(clerk).of('user_1', auth)).toBe('PRO');
    expect(asked).toEqual([]);
  });

  it('is that of an organisation where an organisation is asked for', async () => {
    expect(await new TierLookup(clerk).of('org_1', SESSION)).toBe('ENTERPRISE');
    expect(asked).toEqual(['org_1']);
  });

  it('stays what it was while the database is down, is FREE where it never was, and is asked for again after 5 s; logged once, without the text', async () => {
    const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const tiers = new TierLookup(clerk);
    await tiers.of('user_1', SESSION);
    isDown = true;
    nowMs += 60_000;
    expect([await tiers.of('user_1', SESSION), await tiers.of('user_2', SESSION)]).toEqual(['PRO', 'FREE']);
    nowMs += 4_999;
    expect(tiers.of('user_2', SESSION)).toBe('FREE');
    isDown = false;
    nowMs += 1;
    expect([await tiers.of('user_1', SESSION), await tiers.of('user_2', SESSION)]).toEqual(['PRO', 'PRO']);
    expect(warn.mock.calls).toEqual([
      ['Tiers cannot be looked up (DATABASE_UNAVAILABLE): the last known ones, else FREE.'],
    ]);
  });

  it('is remembered of 10,000 owners at most', async () => {
    const tiers = new TierLookup(clerk);
    for (let index = 0; index <= 10_000; index += 1) await tiers.of(`user_${index}`, SESSION);
    expect([tiers.of('user_1', SESSION), tiers.of('user_10000', SESSION)]).toEqual(['PRO', 'PRO']);
    expect(tiers.of('user_0', SESSION)).toBeInstanceOf(Promise);
  });
});
