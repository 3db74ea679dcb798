import type { User } from '@clerk/backend';

export interface UserPage {
  readonly limit: number;
  readonly offset: number;
  readonly orderBy: '+created_at';
  /** Unix time, milliseconds; users created at that moment are not among them. */
  readonly createdAtAfter?: number;
}

/** How far a walk over all users has come: where its next page starts. */
export interface UserPosition {
  /** Time of creation that was reached, Unix time, milliseconds; null at the very beginning. */
  readonly reachedMs: number | null;
  /** How many of that millisecond were on earlier pages: a walk that starts here meets them again, so that it misses none. */
  readonly seenAtReached: number;
}

/** The beginning of a walk. */
export const START: UserPosition = { reachedMs: null, seenAtReached: 0 };

/** One page of the walk. */
export interface UserStep {
  /** Never one who was on an earlier page of this walk. */
  readonly users: readonly User[];
  /** Where to go on after this page, also in another process. */
  readonly next: UserPosition;
  readonly isLast: boolean;
}

export interface WalkOptions {
  /** @default 500, the most that Clerk gives at once */
  readonly pageSize?: number;
  /** @default the beginning */
  readonly from?: UserPosition;
}

type ListPage = (page: UserPage) => Promise<readonly User[]>;

/** The most that Clerk gives at once. https://clerk.com/docs/reference/backend-api/tag/users */
const PAGE_SIZE = 500;

/** Every user, oldest first, each once: see `userSteps`. */
export async function* allUsers(
  listPage: ListPage,
  options: WalkOptions = {},
): AsyncGenerator<User, void, void> {
  for await (const { users } of userSteps(listPage, options)) yield* users;
}

/**
 * Every user, oldest first, each once, page by page. Pages start at the time of creation that was reached: with an offset alone,
 * a user who is deleted meanwhile would shift the pages, and another would be skipped. Users created meanwhile are among them.
 */
export async function* userSteps(
  listPage: ListPage,
  { pageSize = PAGE_SIZE, from = START }: WalkOptions = {},
): AsyncGenerator<UserStep, void, void> {
  let place: Place = { reachedMs: from.reachedMs, seen: new Set(), offset: 0 };
  for (;;) {
    const { reachedMs, seen, offset } = place;
    const after: { createdAtAfter?: number } = reachedMs === null ? {} : { createdAtAfter: reachedMs - 1 };
    const page = await listPage({ limit: pageSize, offset, orderBy: '+created_at', ...after });
    const isLast = page.length < pageSize;
    place = placeAfter(place, page);
    yield {
      users: page.filter(({ id }) => !seen.has(id)),
      next: { reachedMs: place.reachedMs, seenAtReached: place.seen.size },
      isLast,
    };
    if (isLast) return;
  }
}

interface Place {
  readonly reachedMs: number | null;
  /** Ids of those created then that were on pages so far. */
  readonly seen: ReadonlySet<string>;
  readonly offset: number;
}

function placeAfter(place: Place, page: readonly User[]): Place {
  const reachedMs = page.at(-1)?.createdAt;
  if (reachedMs === undefined) return place;
  const ids = page.filter(({ createdAt }) => createdAt === reachedMs).map(({ id }) => id);
  if (reachedMs !== place.reachedMs) return { reachedMs, seen: new Set(ids), offset: 0 };
  // More users in one millisecond than fit on a page: within it only an offset can go on.
  return { reachedMs, seen: new Set([...place.seen, ...ids]), offset: place.offset + page.length };
}
