import type { User } from '@clerk/backend';

export interface UserPage {
  readonly limit: number;
  readonly offset: number;
  readonly orderBy: '+created_at';
  /** Unix time, milliseconds; users created at that moment are not among them. */
  readonly createdAtAfter?: number;
}

/** The most that Clerk gives at once. https://clerk.com/docs/reference/backend-api/tag/users */
const PAGE_SIZE = 500;

/**
 * Every user, oldest first, each once. Pages start at the time of creation that was reached: with an offset alone, a user who
 * is deleted meanwhile would shift the pages, and another would be skipped. Users created meanwhile are among them.
 */
export async function* allUsers(
  listPage: (page: UserPage) => Promise<readonly User[]>,
  pageSize = PAGE_SIZE,
): AsyncGenerator<User, void, void> {
  let reachedMs: number | null = null;
  let seenAtReached = new Set<string>();
  let offset = 0;
  for (;;) {
    const from: { createdAtAfter?: number } = reachedMs === null ? {} : { createdAtAfter: reachedMs - 1 };
    const users = await listPage({ limit: pageSize, offset, orderBy: '+created_at', ...from });
    yield* users.filter(({ id }) => !seenAtReached.has(id));
    const last = users.at(-1);
    if (last === undefined || users.length < pageSize) return;
    const isSameMoment = last.createdAt === reachedMs;
    // More users in one millisecond than fit on a page: within it only an offset can go on.
    offset = isSameMoment ? offset + users.length : 0;
    const ids = users.filter(({ createdAt }) => createdAt === last.createdAt).map(({ id }) => id);
    seenAtReached = new Set(isSameMoment ? [...seenAtReached, ...ids] : ids);
    reachedMs = last.createdAt;
  }
}
