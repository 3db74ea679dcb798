import {
  ClerkSandbox,
  createSigningKey,
  createWebhookSecret,
  SEEDED_ORGANIZATION,
  SEEDED_USERS,
} from '../../libs/clerk-sandbox/src/index.js';
import type { ClerkConnection } from './clerk-connection.js';

const TOKEN_SECONDS = 3_600;

/** An organisation's session with a few features and permissions: about 1000 characters, as real ones have. */
const CLAIMS = {
  azp: 'https://app.example.com',
  fea: 'o:invoices,o:reports,u:early_access',
  pla: 'o:team,u:pro',
  o: {
    fpm: '3,1',
    id: SEEDED_ORGANIZATION.id,
    per: 'read,manage',
    rol: 'member',
    slg: SEEDED_ORGANIZATION.slug,
  },
};

/** The Clerk instance of a run: one RSA-2048 key, and tokens that live longer than the run. */
export class OfflineClerk {
  readonly #sessionId: string;

  private constructor(readonly sandbox: ClerkSandbox) {
    this.#sessionId = sandbox.sessions.create({
      user_id: SEEDED_USERS.pro.id,
      active_organization_id: SEEDED_ORGANIZATION.id,
    }).id;
  }

  static async start(): Promise<OfflineClerk> {
    return new OfflineClerk(await ClerkSandbox.start());
  }

  get connection(): ClerkConnection {
    const { secretKey, publishableKey, url: apiUrl, issuer, jwtKey } = this.sandbox;
    const webhookSecret = createWebhookSecret();
    return { secretKey, publishableKey, apiUrl, issuer, jwtKey, webhookSecret, userId: userIdOf(0) };
  }

  get jwksCalls(): number {
    return this.sandbox.requestCounts.get('GET /v1/jwks') ?? 0;
  }

  /** Of different users and sessions; the first is of `connection.userId`. */
  tokens(count: number): string[] {
    return Array.from({ length: count }, (_, index) =>
      this.#sign({ claims: { ...CLAIMS, sub: userIdOf(index), sid: `sess_2bench${padded(index)}` } }),
    );
  }

  /** Like a good one, but signed with a key that is not the instance's. */
  forgedToken(): string {
    const [header = ''] = this.#sign({}).split('.');
    const { kid }: { kid: string } = JSON.parse(Buffer.from(header, 'base64url').toString());
    return this.#sign({ key: { ...createSigningKey(), kid } });
  }

  /** Each names a key that does not exist. */
  tokensOfUnknownKeys(count: number): string[] {
    return Array.from({ length: count }, (_, index) =>
      this.#sign({ header: { kid: `ins_unknown${padded(index)}` } }),
    );
  }

  #sign(overrides: Parameters<ClerkSandbox['signSessionToken']>[1]): string {
    return this.sandbox.signSessionToken(this.#sessionId, {
      expiresInSeconds: TOKEN_SECONDS,
      claims: CLAIMS,
      ...overrides,
    });
  }
}

function userIdOf(index: number): string {
  return `user_2bench${padded(index)}`;
}

/** As long as what Clerk has behind its prefixes. */
function padded(index: number): string {
  return String(index).padStart(21, '0');
}
