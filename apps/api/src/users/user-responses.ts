import { Injectable } from '@nestjs/common';
import type { Auth, MirroredUser } from 'nest-clerk';

import { type RatingAverages, RatingsService } from '../ratings/ratings.service.js';
import { TierLookup } from './tier-lookup.js';
import { userResponse, type UserResponse } from './user-response.js';

/** Users as this API answers, with what is not in their row. */
@Injectable()
export class UserResponses {
  constructor(
    private readonly tiers: TierLookup,
    private readonly ratings: RatingsService,
  ) {}

  /** @param auth who asks: the token of the user himself names his plan */
  async of(user: MirroredUser, auth: Auth): Promise<UserResponse> {
    return userResponse(user, await this.tiers.ofUser(user, auth));
  }

  async withRatings(user: MirroredUser, auth: Auth): Promise<UserResponse & RatingAverages> {
    const [response, averages] = await Promise.all([
      this.of(user, auth),
      this.ratings.averagesOf(user.clerkId),
    ]);
    return { ...response, ...averages };
  }
}
