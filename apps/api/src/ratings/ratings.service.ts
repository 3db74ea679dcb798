import { Injectable, NotFoundException } from '@nestjs/common';
import { ClerkError } from 'nest-clerk';

import { lockLiveUsers } from '../database/live-users.js';
import { pageArguments, pageOf, type PageQuery } from '../database/page.js';
import { PrismaService } from '../database/prisma.service.js';
import { actAs, type RowOwner, withAuth } from '../database/with-auth.js';

export type RatedRole = 'customer' | 'runner';

/** What is rated once by each rater: a user's part in an errand. */
export interface RatedPart {
  /** The host's id of the errand. */
  readonly errandId: string;
  /** What the rated user was in it. */
  readonly role: RatedRole;
}

export interface Verdict {
  /** Clerk's id of the rated user. */
  readonly ratedId: string;
  /** 1–5. */
  readonly stars: number;
}

/** Averages of what others gave, to two decimals; null where nobody did. */
export interface RatingAverages {
  readonly customerRating: number | null;
  readonly runnerRating: number | null;
}

// $1 Clerk's id of the rated user
const AVERAGES = `SELECT
  round(avg(stars) FILTER (WHERE role = 'customer'), 2)::float8 AS "customerRating",
  round(avg(stars) FILTER (WHERE role = 'runner'), 2)::float8 AS "runnerRating"
FROM ratings WHERE rated_clerk_id = $1`;

/** Ratings of users by users. Who took part in which errand is for the host to know: here everybody may rate anybody else. */
@Injectable()
export class RatingsService {
  constructor(private readonly prisma: PrismaService) {}

  async averagesOf(clerkId: string): Promise<RatingAverages> {
    const [averages] = await this.prisma.$queryRawUnsafe<RatingAverages[]>(AVERAGES, clerkId);
    return averages ?? { customerRating: null, runnerRating: null };
  }

  /**
   * Rates, or replaces what the same rater said of the same part before. Safe to call concurrently: one rating is left.
   *
   * @throws NotFoundException USER_NOT_FOUND when there is nobody to rate
   * @throws ClerkError USER_DELETED when the rater was deleted meanwhile
   */
  async rate({ userId }: RowOwner, { errandId, role }: RatedPart, { ratedId, stars }: Verdict) {
    return this.prisma.$transaction(async (transaction) => {
      const live = await lockLiveUsers(transaction, [userId, ratedId]);
      if (!live.has(userId)) throw new ClerkError('USER_DELETED', 'The user is deleted.');
      if (!live.has(ratedId)) {
        throw new NotFoundException({ code: 'USER_NOT_FOUND', message: 'There is no such user here.' });
      }
      await actAs(transaction, { userId });
      const key = { raterClerkId: userId, role, errandId };
      return transaction.rating.upsert({
        where: { raterClerkId_role_errandId: key },
        create: { ...key, ratedClerkId: ratedId, stars },
        update: { ratedClerkId: ratedId, stars },
      });
    });
  }

  /** What the user gave, the newest first. */
  async given(owner: RowOwner, page: PageQuery) {
    const own = this.prisma.$extends(withAuth(owner));
    return pageOf(await own.rating.findMany(pageArguments(page, { raterClerkId: owner.userId })), page);
  }
}
