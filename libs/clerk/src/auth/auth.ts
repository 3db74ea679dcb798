/** The kinds of credential that Clerk issues. Names are Clerk's own (`TokenType` in `@clerk/backend`). */
export type TokenType = 'session_token' | 'api_key' | 'm2m_token' | 'oauth_token';

/** The active organisation of a session. */
export interface ActiveOrganization {
  /** `org_…` */
  readonly id: string;
  readonly slug: string | null;
  /** With Clerk's prefix: `org:admin`. */
  readonly role: string;
  /** `org:<feature>:<permission>`. System permissions (`org:sys_*`) are never in a token. */
  readonly permissions: readonly string[];
}

/** A person, proved by a verified session token. Frozen: one object is shared by all requests with the same token. */
export interface SessionAuth {
  readonly tokenType: 'session_token';
  /** Name of the Clerk instance that proved it: `default`, unless the registration has a name. */
  readonly instance: string;
  /** `user_…` */
  readonly userId: string;
  /** `sess_…` */
  readonly sessionId: string;
  readonly organization: ActiveOrganization | null;
  /** Who is impersonating the user (`act.sub`), or null. */
  readonly actorId: string | null;
  /** Unix time, milliseconds. */
  readonly expiresAtMs: number;
  /** All claims of the token, verified. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A program, proved by an API key, a machine token or an OAuth access token that Clerk verified. */
export interface MachineAuth {
  readonly tokenType: Exclude<TokenType, 'session_token'>;
  /** As in `SessionAuth`. */
  readonly instance: string;
  /** Id of the key or token, never its secret. */
  readonly id: string;
  /** Who the token speaks for: `user_…`, `org_…` or `mch_…`. */
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Unix time, milliseconds; null for an opaque token, which Clerk is asked about each minute. */
  readonly expiresAtMs: number | null;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What a guarded request was proved to be. Branch on `tokenType`. */
export type Auth = SessionAuth | MachineAuth;
