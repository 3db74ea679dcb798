import { Injectable } from '@nestjs/common';
import { type ClerkEventContext, type ClerkEventOf, OnClerkEvent } from 'nest-clerk';

// $1 Clerk's id of the user
// In order of their ids, so that two users who rated each other can be deleted at the same time.
const DELETE_RATINGS = `DELETE FROM ratings WHERE id IN
  (SELECT id FROM ratings WHERE rater_clerk_id = $1 OR rated_clerk_id = $1 ORDER BY id FOR UPDATE)`;

/** What a user gave and what he was given go with him, in the same transaction. */
@Injectable()
export class RatingRetention {
  @OnClerkEvent('user.deleted')
  async forget({ clerkId }: ClerkEventOf<'user.deleted'>, { transaction }: ClerkEventContext): Promise<void> {
    await transaction?.$executeRawUnsafe(DELETE_RATINGS, clerkId);
  }
}
