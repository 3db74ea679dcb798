import type { MembershipJson, SessionJson } from '../state/json.js';
import type { PlanSlug } from '../state/world.js';

/** Values of the `cat` header. Read in the source of @clerk/backend, `tokens/jwtCategories.ts`. */
export const TOKEN_CATEGORY = {
  session: 'cl_B7d4PD111AAA',
  template: 'cl_B7d4PD222AAA',
  machine: 'cl_B7d4PD333AAA',
} as const;

const USER_FEATURES: Readonly<Record<PlanSlug, readonly string[]>> = {
  free_user: [],
  pro: ['priority_support'],
  enterprise: ['priority_support', 'audit_log'],
};
/** Permissions by their short names, in the order of the bits of `fpm`. */
const PERMISSIONS = ['read', 'manage'] as const;

export interface SessionClaimsInput {
  readonly issuer: string;
  readonly session: SessionJson;
  readonly plan: PlanSlug;
  readonly membership: MembershipJson | null;
  /** The origin that asked for the token; Clerk leaves `azp` out where there was none. */
  readonly origin: string | null;
  readonly issuedAtSeconds: number;
  readonly lifetimeSeconds: number;
  readonly tokenId: string;
}

/** Claims of a session token, version 2. https://clerk.com/docs/guides/sessions/session-tokens */
export function sessionClaims(input: SessionClaimsInput): Record<string, unknown> {
  const { session, membership, issuedAtSeconds } = input;
  const minutesSinceSignIn = Math.max(0, Math.floor((issuedAtSeconds * 1000 - session.created_at) / 60_000));
  return {
    ...(input.origin === null ? {} : { azp: input.origin }),
    exp: issuedAtSeconds + input.lifetimeSeconds,
    fea: features(input),
    fva: [minutesSinceSignIn, -1],
    iat: issuedAtSeconds,
    iss: input.issuer,
    jti: input.tokenId,
    nbf: issuedAtSeconds - 10,
    ...(membership === null ? {} : { o: organizationClaim(membership) }),
    pla: membership === null ? `u:${input.plan}` : `o:free_org,u:${input.plan}`,
    sid: session.id,
    sts: 'active',
    sub: session.user_id,
    v: 2,
  };
}

function features({ plan, membership }: SessionClaimsInput): string {
  const organization = membership === null ? [] : ['o:invoices'];
  return [...organization, ...USER_FEATURES[plan].map((feature) => `u:${feature}`)].join(',');
}

/** `fpm` has one number for each organisation feature: bit i says whether the member has the i-th of `per` in it. */
function organizationClaim({ organization, role, permissions }: MembershipJson): Record<string, unknown> {
  const bits = PERMISSIONS.map((name, index) =>
    permissions.includes(`org:invoices:${name}`) ? 2 ** index : 0,
  );
  return {
    fpm: String(bits.reduce((sum, bit) => sum + bit, 0)),
    id: organization.id,
    per: PERMISSIONS.join(','),
    rol: role.replace(/^org:/, ''),
    slg: organization.slug,
  };
}
