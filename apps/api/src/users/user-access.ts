import { ForbiddenException, Injectable } from '@nestjs/common';
import { type Auth, ClerkService } from 'nest-clerk';

/** Who may see and speak for which user. */
@Injectable()
export class UserAccess {
  constructor(private readonly clerk: ClerkService) {}

  /** The user whom a token stands for. @throws ForbiddenException when it stands for none */
  requireUserId(auth: Auth): string {
    const userId = ownUserId(auth);
    if (userId === null) throw notAllowed('The token stands for no user.');
    return userId;
  }

  /** Oneself, a machine token, or an admin whose active organisation the user is in. @throws ForbiddenException, ClerkError */
  async requireMayRead(auth: Auth, clerkId: string): Promise<void> {
    // Refuses a user who is banned, locked or deleted, whatever kind of token still stands for him.
    if (this.isOwn(auth, clerkId)) await this.clerk.currentUser(auth);
    if (this.maySpeakFor(auth, clerkId) || (await this.#isAdminOf(auth, clerkId))) return;
    throw notAllowed('This user may be read by himself, an admin of his organisation, or a machine token.');
  }

  /** Whether the token stands for this very user. */
  isOwn(auth: Auth, clerkId: string): boolean {
    return ownUserId(auth) === clerkId;
  }

  /** Oneself, or a machine token of this instance. */
  maySpeakFor(auth: Auth, clerkId: string): boolean {
    return auth.tokenType === 'm2m_token' || this.isOwn(auth, clerkId);
  }

  async #isAdminOf(auth: Auth, clerkId: string): Promise<boolean> {
    if (auth.tokenType !== 'session_token' || auth.organization?.role !== 'org:admin') return false;
    const organizationIds = await this.#organizationIdsOf(clerkId);
    return organizationIds.includes(auth.organization.id);
  }

  /** None for a user who is not there: an admin must not learn who is. */
  async #organizationIdsOf(clerkId: string): Promise<readonly string[]> {
    try {
      return await this.clerk.listOrganizationIds(clerkId);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'CLERK_RESOURCE_NOT_FOUND') return [];
      throw error;
    }
  }
}

export function notAllowed(message: string): ForbiddenException {
  return new ForbiddenException({ code: 'NOT_ALLOWED', message });
}

function ownUserId(auth: Auth): string | null {
  if (auth.tokenType === 'session_token') return auth.userId;
  return auth.subject.startsWith('user_') ? auth.subject : null;
}
