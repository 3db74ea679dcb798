import { randomBytes } from 'node:crypto';

import { ApiError, missingParameter, notFound } from '../api/api-error.js';
import { signJwt, type SigningKeys } from '../tokens/signing-keys.js';
import { TOKEN_CATEGORY } from '../tokens/session-claims.js';
import { optionalText, type Parameters, textList } from './parameters.js';
import type { World } from './world.js';

type Kind = 'api_key' | 'machine_to_machine_token' | 'clerk_idp_oauth_access_token';

const KINDS: Readonly<Record<Kind, { idPrefix: string; secretPrefix: string; type: string }>> = {
  api_key: { idPrefix: 'ak', secretPrefix: 'ak', type: 'api_key' },
  machine_to_machine_token: { idPrefix: 'mt', secretPrefix: 'mt', type: 'm2m_token' },
  clerk_idp_oauth_access_token: { idPrefix: 'oat', secretPrefix: 'oat', type: 'oauth:access_token' },
};

/** An API key, machine token or OAuth access token. The secret stays apart: Clerk shows it once, at creation. */
export interface MachineCredentialJson {
  id: string;
  object: Kind;
  type: string;
  name: string;
  client_id: string;
  subject: string;
  scopes: string[];
  claims: Record<string, unknown> | null;
  revoked: boolean;
  revocation_reason: string | null;
  expired: boolean;
  /** Unix time, milliseconds; null for never. */
  expiration: number | null;
  created_by: string | null;
  description: string | null;
  last_used_at: number | null;
  created_at: number;
  updated_at: number;
}

/** Credentials of programs. */
export class MachineCredentials {
  private readonly bySecret = new Map<string, MachineCredentialJson>();

  constructor(
    private readonly world: World,
    private readonly keys: SigningKeys,
  ) {}

  /** @returns the credential with its secret. */
  create(
    kind: Kind,
    parameters: Parameters,
    secret?: string,
  ): MachineCredentialJson & { secret: string; token: string } {
    const subject = optionalText(parameters, 'subject');
    if (typeof subject !== 'string') throw missingParameter('subject');
    const lifetimeSeconds = parameters['seconds_until_expiration'];
    const now = this.world.now();
    const credential: MachineCredentialJson = {
      id: this.world.createId(KINDS[kind].idPrefix),
      object: kind,
      type: KINDS[kind].type,
      name: optionalText(parameters, 'name') ?? '',
      client_id: optionalText(parameters, 'client_id') ?? '',
      subject,
      scopes: textList(parameters, 'scopes'),
      claims: null,
      revoked: false,
      revocation_reason: null,
      expired: false,
      expiration: typeof lifetimeSeconds === 'number' ? now + lifetimeSeconds * 1000 : null,
      created_by: optionalText(parameters, 'created_by') ?? null,
      description: optionalText(parameters, 'description') ?? null,
      last_used_at: null,
      created_at: now,
      updated_at: now,
    };
    const value = secret ?? `${KINDS[kind].secretPrefix}_${randomBytes(24).toString('hex')}`;
    this.bySecret.set(value, credential);
    return { ...credential, secret: value, token: value };
  }

  /** A machine token that verifies without a call, with the instance's keys. */
  signMachineJwt(
    machineId: string,
    { scopes = [], lifetimeSeconds = 60 }: { scopes?: string[]; lifetimeSeconds?: number } = {},
  ): string {
    const { kid, privateKey } = this.keys.current;
    const issuedAt = Math.floor(this.world.now() / 1000);
    return signJwt(
      { alg: 'RS256', cat: TOKEN_CATEGORY.machine, kid, typ: 'JWT' },
      {
        sub: machineId,
        jti: this.world.createId('mt'),
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + lifetimeSeconds,
        scopes: scopes.join(' '),
      },
      privateKey,
    );
  }

  verify(kind: Kind, secret: unknown): MachineCredentialJson {
    const credential = typeof secret === 'string' ? this.bySecret.get(secret) : undefined;
    if (credential?.object !== kind) throw notFound('Token');
    if (credential.revoked) throw new ApiError(400, 'token_revoked', { message: 'The token is revoked' });
    if (credential.expiration !== null && credential.expiration <= this.world.now()) {
      throw new ApiError(400, 'token_expired', { message: 'The token is expired' });
    }
    return credential;
  }

  revoke(id: string, parameters: Parameters = {}): MachineCredentialJson {
    for (const [secret, credential] of this.bySecret) {
      if (credential.id !== id) continue;
      const reason = optionalText(parameters, 'revocation_reason') ?? null;
      const revoked = {
        ...credential,
        revoked: true,
        revocation_reason: reason,
        updated_at: this.world.now(),
      };
      this.bySecret.set(secret, revoked);
      return revoked;
    }
    throw notFound('Token');
  }
}
