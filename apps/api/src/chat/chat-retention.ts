import { Injectable } from '@nestjs/common';
import { type ClerkEventContext, type ClerkEventOf, OnClerkEvent } from 'nest-clerk';

// $1 our id of the user
const DELETE_MESSAGES = 'DELETE FROM chat_messages WHERE user_id = $1::uuid';

/** What a user said goes with the user, in the same transaction. */
@Injectable()
export class ChatRetention {
  @OnClerkEvent('user.deleted')
  async forget({ userId }: ClerkEventOf<'user.deleted'>, { transaction }: ClerkEventContext): Promise<void> {
    if (userId !== null) await transaction?.$executeRawUnsafe(DELETE_MESSAGES, userId);
  }
}
