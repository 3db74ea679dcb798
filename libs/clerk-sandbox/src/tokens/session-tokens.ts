import { randomBytes } from 'node:crypto';

import type { Organizations } from '../state/organizations.js';
import type { Sessions } from '../state/sessions.js';
import type { World } from '../state/world.js';
import { sessionClaims, TOKEN_CATEGORY } from './session-claims.js';
import { type SigningKey, type SigningKeys, signJwt } from './signing-keys.js';

/** How a token is to differ from what Clerk would sign, for tests. Everything has Clerk's value by default. */
export interface SessionTokenOverrides {
  /** The origin that asks: becomes `azp`. @default none */
  readonly origin?: string;
  /** Seconds. @default what the sandbox was started with, 60 */
  readonly expiresInSeconds?: number;
  /** Unix time, seconds. @default now */
  readonly issuedAtSeconds?: number;
  /** Merged over the claims; `undefined` removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Merged over the header; `undefined` removes a field. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs with this key in place of the instance's; the header names its `kid`. */
  readonly key?: SigningKey;
}

/** Signs session tokens for the sessions of this instance. */
export class SessionTokens {
  constructor(
    private readonly world: World,
    private readonly parts: {
      readonly sessions: Sessions;
      readonly organizations: Organizations;
      readonly keys: SigningKeys;
      readonly issuer: string;
      readonly lifetimeSeconds: number;
    },
  ) {}

  /** @throws ApiError 404 or 422 when the session cannot give tokens. */
  sign(sessionId: string, overrides: SessionTokenOverrides = {}): string {
    const claims = sessionClaims({
      issuer: this.parts.issuer,
      session: this.parts.sessions.requireActive(sessionId),
      plan: this.planOf(sessionId),
      membership: this.activeMembership(sessionId),
      origin: overrides.origin ?? null,
      issuedAtSeconds: overrides.issuedAtSeconds ?? Math.floor(this.world.now() / 1000),
      lifetimeSeconds: overrides.expiresInSeconds ?? this.parts.lifetimeSeconds,
      tokenId: randomBytes(10).toString('hex'),
    });
    const key = overrides.key ?? this.parts.keys.current;
    const header = {
      alg: 'RS256',
      cat: TOKEN_CATEGORY.session,
      kid: key.kid,
      typ: 'JWT',
      ...overrides.header,
    };
    return signJwt(header, { ...claims, ...overrides.claims }, key.privateKey);
  }

  /** A token of a JWT template: no session in it, and its own category, so that it is no session token. */
  signTemplate(sessionId: string, template: string): string {
    return this.sign(sessionId, {
      header: { cat: TOKEN_CATEGORY.template },
      claims: { sid: undefined, sts: undefined, fva: undefined, v: undefined, template },
    });
  }

  private planOf(sessionId: string) {
    return this.world.plans.get(this.parts.sessions.get(sessionId).user_id) ?? 'free_user';
  }

  private activeMembership(sessionId: string) {
    const session = this.parts.sessions.get(sessionId);
    const memberships = this.parts.organizations.membershipsOfUser(session.user_id);
    return (
      memberships.find(({ organization }) => organization.id === session.last_active_organization_id) ?? null
    );
  }
}
