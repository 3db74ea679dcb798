import type { Auth } from '../auth/auth.js';
import { sessionRevoked, userDeleted } from '../auth/revocations.js';
import { ClerkError } from '../clerk-error.js';
import { SingleFlight } from '../single-flight.js';
import { parseClerkUser } from './clerk-user.js';
import { CurrentUsers } from './current-users.js';
import type { MirroredUser } from './mirrored-user.js';
import { snapshotVersion } from './source-version.js';
import type { UserLookup, UserMirror } from './user-mirror.js';

export interface UserSync {
  /** Whether the user was new to the database. */
  readonly outcome: 'created' | 'updated' | 'unchanged';
  readonly user: MirroredUser;
}

export interface ClerkUsersParts {
  readonly mirror: UserMirror;
  /** The user as Clerk sends it in webhooks (`raw` of the SDK's `User`). @throws ClerkError */
  readonly fetchUser: (userId: string) => Promise<unknown>;
}

/** The users in the database, and how they get there when no webhook has brought them yet. */
export class ClerkUsers extends CurrentUsers {
  readonly #syncing = new SingleFlight<UserSync>();
  readonly #bringing = new SingleFlight<MirroredUser>();

  constructor(private readonly parts: ClerkUsersParts) {
    super();
  }

  /** What the database knows of a user. Clerk is not asked. @throws ClerkError DATABASE_UNAVAILABLE */
  find(clerkId: string): Promise<UserLookup> {
    return this.parts.mirror.find(clerkId);
  }

  async require(auth: Auth): Promise<MirroredUser> {
    const clerkId = userIdOf(auth);
    const found = await this.find(clerkId);
    if (found.outcome === 'deleted') throw userDeleted();
    const user =
      found.outcome === 'found' ? found.user : await this.#bringing.run(clerkId, () => this.#bring(clerkId));
    if (!user.isActive) throw sessionRevoked();
    return user;
  }

  /**
   * Fetches a user from Clerk and applies what comes as a webhook would be: a newer state in the database stays. One request
   * is in flight for each user, however many ask.
   *
   * @throws ClerkError USER_DELETED when the user is deleted, here or at Clerk
   * @throws ClerkError DATABASE_UNAVAILABLE, CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED
   */
  sync(clerkId: string): Promise<UserSync> {
    return this.#syncing.run(clerkId, () => this.#sync(clerkId));
  }

  /**
   * For a user who was not in the database. Who asked while another request brought him finds him there: the database is asked
   * once more, after that request has ended.
   */
  async #bring(clerkId: string): Promise<MirroredUser> {
    const found = await this.find(clerkId);
    if (found.outcome === 'deleted') throw userDeleted();
    return found.outcome === 'found' ? found.user : (await this.sync(clerkId)).user;
  }

  async #sync(clerkId: string): Promise<UserSync> {
    const profile = parseClerkUser(await this.#fetch(clerkId));
    if (profile === null || profile.clerkId !== clerkId) {
      throw new ClerkError(
        'CLERK_UNAVAILABLE',
        'Clerk answered with something that is not the user asked for.',
      );
    }
    const applied = await this.parts.mirror.upsert(profile, snapshotVersion(profile));
    if (applied.outcome === 'created' || applied.outcome === 'updated') return applied;
    const found = await this.find(clerkId);
    if (found.outcome === 'found') return { outcome: 'unchanged', user: found.user };
    throw userDeleted();
  }

  async #fetch(clerkId: string): Promise<unknown> {
    try {
      return await this.parts.fetchUser(clerkId);
    } catch (error) {
      if (error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND') throw userDeleted();
      throw error;
    }
  }
}

function userIdOf(auth: Auth): string {
  if (auth.tokenType === 'session_token') return auth.userId;
  if (auth.subject.startsWith('user_')) return auth.subject;
  throw new ClerkError('NOT_ALLOWED', 'The token stands for no user.');
}
