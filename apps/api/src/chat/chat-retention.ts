import { Injectable } from '@nestjs/common';
import { type ClerkEventContext, type ClerkEventOf, OnClerkEvent } from 'nest-clerk';

// $1 Clerk's id of the user
const DELETE_CONVERSATIONS = 'DELETE FROM conversations WHERE clerk_user_id = $1';

/** What a user said goes with the user, in the same transaction. */
@Injectable()
export class ChatRetention {
  @OnClerkEvent('user.deleted')
  async forget({ clerkId }: ClerkEventOf<'user.deleted'>, { transaction }: ClerkEventContext): Promise<void> {
    await transaction?.$executeRawUnsafe(DELETE_CONVERSATIONS, clerkId);
  }
}
