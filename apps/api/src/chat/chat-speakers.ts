import { BadRequestException, Injectable, NotFoundException } from '@nestjs/common';
import { type Auth, ClerkService, type MirroredUser } from 'nest-clerk';

import { TierLookup } from '../users/tier-lookup.js';
import type { Tier } from '../users/tier.js';
import { notAllowed, UserAccess } from '../users/user-access.js';

export interface ChatSpeaker {
  readonly user: MirroredUser;
  readonly tier: Tier;
}

/** For whom a request speaks. */
@Injectable()
export class ChatSpeakers {
  constructor(
    private readonly clerk: ClerkService,
    private readonly access: UserAccess,
    private readonly tiers: TierLookup,
  ) {}

  /** Oneself, or with a machine token whoever `askedId` is. @throws BadRequestException, ForbiddenException, NotFoundException */
  async of(auth: Auth, askedId: string | undefined): Promise<ChatSpeaker> {
    const user = await this.#userOf(auth, askedId);
    return { user, tier: await this.tiers.ofUser(user, auth) };
  }

  async #userOf(auth: Auth, askedId: string | undefined): Promise<MirroredUser> {
    const clerkId = askedId ?? (auth.tokenType === 'm2m_token' ? undefined : this.access.requireUserId(auth));
    if (clerkId === undefined) {
      throw new BadRequestException({
        code: 'VALIDATION_FAILED',
        message: 'clerk_user_id: a machine token stands for no user, so say for whom',
      });
    }
    if (!this.access.maySpeakFor(auth, clerkId)) {
      throw notAllowed('To speak for somebody else takes a machine token.');
    }
    if (this.access.isOwn(auth, clerkId)) return this.clerk.currentUser(auth);
    const lookup = await this.clerk.findMirroredUser(clerkId);
    if (lookup.outcome === 'found' && !lookup.user.isActive)
      throw notAllowed('The user is banned or locked.');
    if (lookup.outcome === 'found') return lookup.user;
    throw new NotFoundException({ code: 'USER_NOT_FOUND', message: 'There is no such user here.' });
  }
}
