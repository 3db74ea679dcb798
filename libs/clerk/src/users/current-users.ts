import type { Auth } from '../auth/auth.js';
import type { MirroredUser } from './mirrored-user.js';

/** From what the guard proved to the user in the database. */
export abstract class CurrentUsers {
  /**
   * The user that a token speaks for. One who is not in the database yet is fetched from Clerk and stored.
   *
   * @throws ClerkError NOT_ALLOWED when the token speaks for no user
   * @throws ClerkError USER_DELETED, SESSION_REVOKED when the user is deleted; banned or locked
   * @throws ClerkError DATABASE_UNAVAILABLE, CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED
   */
  abstract require(auth: Auth): Promise<MirroredUser>;
}
