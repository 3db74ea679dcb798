import { ApiError, notFound } from '../api/api-error.js';
import { later } from './clock.js';
import type { SessionJson } from './json.js';
import { optionalText, type Parameters } from './parameters.js';
import type { World } from './world.js';

const DAY_MS = 86_400_000;

/** Sessions. A session that is not active never becomes active again. */
export class Sessions {
  constructor(private readonly world: World) {}

  get(id: string): SessionJson {
    const session = this.world.sessions.get(id);
    if (session === undefined) throw notFound('Session');
    return session;
  }

  /** The session, if it can still give tokens. */
  requireActive(id: string): SessionJson {
    const session = this.get(id);
    if (session.status !== 'active') {
      throw new ApiError(422, 'session_not_active', { message: `The session is ${session.status}` });
    }
    return session;
  }

  create(parameters: Parameters): SessionJson {
    const userId = optionalText(parameters, 'user_id') ?? '';
    const user = this.world.users.get(userId);
    if (user === undefined) throw notFound('User');
    if (user.banned || user.locked)
      throw new ApiError(403, 'user_not_allowed', { message: 'The user is banned or locked' });
    const organizationId = optionalText(parameters, 'active_organization_id');
    const now = this.world.now();
    const session: SessionJson = {
      id: this.world.createId('sess'),
      object: 'session',
      client_id: this.world.createId('client'),
      user_id: userId,
      status: 'active',
      ...(typeof organizationId === 'string' ? { last_active_organization_id: organizationId } : {}),
      actor: null,
      last_active_at: now,
      expire_at: now + 7 * DAY_MS,
      abandon_at: now + 30 * DAY_MS,
      created_at: now,
      updated_at: now,
    };
    this.world.sessions.set(session.id, session);
    this.world.users.set(userId, { ...user, last_sign_in_at: now, last_active_at: now });
    this.announce('session.created', session);
    return session;
  }

  revoke(id: string): SessionJson {
    return this.finish(this.get(id), 'revoked');
  }

  end(id: string): SessionJson {
    return this.finish(this.get(id), 'ended');
  }

  remove(id: string): SessionJson {
    return this.finish(this.get(id), 'removed');
  }

  revokeAllOf(userId: string): void {
    for (const session of this.of(userId)) if (session.status === 'active') this.finish(session, 'revoked');
  }

  /** A deleted user's sessions go without a word: Clerk announces the user's deletion. */
  forgetUser(userId: string): void {
    for (const session of this.of(userId)) this.world.sessions.delete(session.id);
  }

  private of(userId: string): SessionJson[] {
    return [...this.world.sessions.values()].filter((session) => session.user_id === userId);
  }

  private finish(session: SessionJson, status: 'revoked' | 'ended' | 'removed'): SessionJson {
    if (session.status !== 'active') return session;
    const finished = { ...session, status, updated_at: later(this.world.now(), session.updated_at) };
    this.world.sessions.set(session.id, finished);
    this.announce(`session.${status}`, finished);
    return finished;
  }

  private announce(type: string, session: SessionJson): void {
    this.world.announce(type, { ...session, user: this.world.users.get(session.user_id) ?? null });
  }
}
