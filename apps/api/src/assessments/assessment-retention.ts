import { Injectable } from '@nestjs/common';
import { type ClerkEventContext, type ClerkEventOf, OnClerkEvent } from 'nest-clerk';

// $1 Clerk's id of the user
const ANONYMISE_ATTEMPTS =
  'UPDATE assessment_attempts SET user_id = NULL, clerk_user_id = NULL WHERE clerk_user_id = $1';
const ANONYMISE_CERTIFICATES =
  'UPDATE certificates SET user_id = NULL, clerk_user_id = NULL, holder_name = NULL WHERE clerk_user_id = $1';

/** Results stay when a user goes, and are nobody's: in the same transaction. */
@Injectable()
export class AssessmentRetention {
  @OnClerkEvent('user.deleted')
  async anonymise(
    { clerkId }: ClerkEventOf<'user.deleted'>,
    { transaction }: ClerkEventContext,
  ): Promise<void> {
    await transaction?.$executeRawUnsafe(ANONYMISE_ATTEMPTS, clerkId);
    await transaction?.$executeRawUnsafe(ANONYMISE_CERTIFICATES, clerkId);
  }
}
