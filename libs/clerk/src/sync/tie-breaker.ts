import type { ClerkListing } from '../client/clerk-listing.js';
import { parseClerkUser } from '../users/clerk-user.js';
import type { UserRows } from './user-rows.js';

export interface TieBreakerParts {
  readonly listing: ClerkListing;
  readonly rows: UserRows;
}

/** A row that changes while Clerk is asked is asked for again so often; what comes after that is webhooks in quick succession. */
const TRIES_MAX = 3;

/** Settles rows of which it is not known whether they are newest, by asking Clerk for each. */
export class TieBreaker {
  constructor(private readonly parts: TieBreakerParts) {}

  /** Every row that is marked. @returns how many are as Clerk says now. @throws ClerkError */
  async settleAll(): Promise<number> {
    let settled = 0;
    for (const clerkId of await this.parts.rows.idsNeedingRefetch()) {
      if (await this.#settle(clerkId)) settled += 1;
    }
    return settled;
  }

  /** False where Clerk has no such user, or an older state than the row: both are for a later look. */
  async #settle(clerkId: string): Promise<boolean> {
    const { listing, rows } = this.parts;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      // Read before Clerk is asked: a webhook that writes meanwhile is newer than the answer.
      const row = (await rows.byIds([clerkId])).get(clerkId);
      if (row === undefined || row.deletedAt !== null) return false;
      const profile = parseClerkUser(await listing.findUser(clerkId));
      if (profile === null || profile.updatedAt < row.updatedAt) return false;
      if (await rows.replace(row, profile)) return true;
    }
    return false;
  }
}
