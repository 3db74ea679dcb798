import type { Server } from 'node:http';

import { controlRoutes } from './api/control-routes.js';
import { Faults } from './api/faults.js';
import { startHttpServer } from './api/http-server.js';
import { instanceRoutes } from './api/instance-routes.js';
import { organizationRoutes } from './api/organization-routes.js';
import { Router } from './api/router.js';
import { sessionRoutes } from './api/session-routes.js';
import { userRoutes } from './api/user-routes.js';
import { createId } from './ids.js';
import { MachineCredentials } from './state/machine-credentials.js';
import { Organizations } from './state/organizations.js';
import { plantSeeds } from './state/seeds.js';
import { Sessions } from './state/sessions.js';
import { Subscriptions } from './state/subscriptions.js';
import { Users } from './state/users.js';
import { World } from './state/world.js';
import { type SessionTokenOverrides, SessionTokens } from './tokens/session-tokens.js';
import { type SigningKey, SigningKeys } from './tokens/signing-keys.js';
import { WebhookDeliverer } from './webhooks/webhook-deliverer.js';

/** `.test` is reserved (RFC 2606): no such host can ever be real. */
const FRONTEND_API = 'clerk.sandbox.test';

export interface ClerkSandboxOptions {
  /** TCP port on 127.0.0.1. @default 0, any free one */
  readonly port?: number;
  /** Whether the seeded users, organisation and machine secrets are there. @default true */
  readonly seed?: boolean;
  /** @default a new one at every start */
  readonly secretKey?: string;
  /** Where webhooks go. A secret (`whsec_…`) is made where none is given. */
  readonly webhookEndpoints?: readonly { readonly url: string; readonly secret?: string }[];
  /** Host of the Frontend API: the issuer, and what the publishable key names. @default 'clerk.sandbox.test' */
  readonly frontendApi?: string;
  /** Life of a session token, seconds. @default 60, as with Clerk */
  readonly sessionTokenSeconds?: number;
  /** Multiplies the delays of the webhook retry schedule. @default 1; 0.001 turns 5 s into 5 ms */
  readonly retryTimeScale?: number;
  /** How long one webhook attempt may take, milliseconds. @default 15000, as with Svix */
  readonly attemptTimeoutMs?: number;
  /** Source of the retry jitter, 0 to 1. @default Math.random */
  readonly random?: () => number;
  /** Unix time, milliseconds. @default Date.now */
  readonly now?: () => number;
}

export interface SignInOptions extends SessionTokenOverrides {
  /** The organisation that is active in the session; the user must be a member. */
  readonly organizationId?: string;
}

/**
 * An offline Clerk: Backend API, JWKS, session tokens and webhooks, good enough for the official `@clerk/backend` client.
 *
 * For development and tests only. It listens on 127.0.0.1, keeps everything in memory, and refuses to start with
 * `NODE_ENV=production`. Changes made through its properties and through its HTTP API are the same and send the same webhooks.
 */
export class ClerkSandbox {
  /** Origin of the Backend API: `CLERK_API_URL`. */
  url = '';
  readonly secretKey: string;
  readonly publishableKey: string;
  readonly issuer: string;
  readonly instanceId = createId('ins', Date.now());
  readonly users: Users;
  readonly sessions: Sessions;
  readonly organizations: Organizations;
  readonly subscriptions: Subscriptions;
  readonly machine: MachineCredentials;
  readonly webhooks: WebhookDeliverer;
  /** Backend API faults. Those of webhooks are in `webhooks.faults`. */
  readonly faults = new Faults();
  /** How many requests each `METHOD /path` of the Backend API has had. */
  readonly requestCounts = new Map<string, number>();
  private readonly keys = new SigningKeys();
  private readonly tokens: SessionTokens;
  private readonly world: World;
  private server: Server | undefined;

  /**
   * @throws Error when `NODE_ENV` is `production`
   * @throws Error EADDRINUSE when the port is taken
   */
  static async start(options: ClerkSandboxOptions = {}): Promise<ClerkSandbox> {
    // The one place that reads the environment: a sandbox must not come up in production whoever starts it.
    if (process.env['NODE_ENV'] === 'production') {
      throw new Error(
        'The Clerk sandbox does not start with NODE_ENV=production: it signs anybody in. Use Clerk.',
      );
    }
    const sandbox = new ClerkSandbox(options);
    await sandbox.listen(options.port ?? 0);
    if (options.seed ?? true) sandbox.plantSeeds();
    return sandbox;
  }

  private constructor(options: ClerkSandboxOptions) {
    const now = options.now ?? Date.now;
    const frontendApi = options.frontendApi ?? FRONTEND_API;
    this.issuer = `https://${frontendApi}`;
    this.publishableKey = `pk_test_${Buffer.from(`${frontendApi}$`).toString('base64')}`;
    this.secretKey = options.secretKey ?? `sk_test_${createId('sandbox', now()).slice('sandbox_'.length)}`;
    this.webhooks = new WebhookDeliverer({
      now,
      random: options.random ?? Math.random,
      timeScale: options.retryTimeScale ?? 1,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 15_000,
    });
    for (const { url, secret } of options.webhookEndpoints ?? []) this.webhooks.addEndpoint(url, secret);
    this.world = new World(now, (type, data) => this.webhooks.send(type, this.envelope(type, data)));
    this.sessions = new Sessions(this.world);
    this.organizations = new Organizations(this.world);
    this.users = new Users(this.world, this.sessions, this.organizations);
    this.subscriptions = new Subscriptions(this.world);
    this.machine = new MachineCredentials(this.world, this.keys);
    this.tokens = new SessionTokens(this.world, {
      sessions: this.sessions,
      organizations: this.organizations,
      keys: this.keys,
      issuer: this.issuer,
      lifetimeSeconds: options.sessionTokenSeconds ?? 60,
    });
  }

  /** The current public key, PEM: `CLERK_JWT_KEY`. */
  get jwtKey(): string {
    return this.keys.current.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  /** Secret of the first webhook endpoint: `CLERK_WEBHOOK_SECRET`. */
  get webhookSecret(): string {
    const [first] = this.webhooks.endpoints();
    if (first === undefined) throw new Error('No webhook endpoint: add one with webhooks.addEndpoint(url).');
    return first.secret;
  }

  /** Adds the seeded people, organisation and machine secrets, with their webhooks: once, where `seed` was false. */
  plantSeeds(): void {
    plantSeeds(this);
  }

  /** Starts a session and signs a token for it. @throws ApiError 404 when there is no such user */
  signIn(userId: string, options: SignInOptions = {}): { userId: string; sessionId: string; token: string } {
    const { organizationId, ...overrides } = options;
    if (organizationId !== undefined) this.organizations.membership(organizationId, userId);
    const session = this.sessions.create({ user_id: userId, active_organization_id: organizationId });
    return { userId, sessionId: session.id, token: this.tokens.sign(session.id, overrides) };
  }

  /** Another token for a session that is there. */
  signSessionToken(sessionId: string, overrides: SessionTokenOverrides = {}): string {
    return this.tokens.sign(sessionId, overrides);
  }

  /** Tokens of the previous keys stay good only while these are kept. */
  rotateKeys(options: { keepPrevious: boolean }): SigningKey {
    return this.keys.rotate(options);
  }

  /** Idempotent. Pending deliveries are dropped, open connections closed. */
  async stop(): Promise<void> {
    this.webhooks.stop();
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private async listen(port: number): Promise<void> {
    const router = new Router(
      userRoutes(this.world, this.users, this.organizations),
      sessionRoutes(this.world, this.sessions, this.tokens),
      organizationRoutes(this.world, this.organizations),
      instanceRoutes(this.instanceId, this.keys, this.machine),
      controlRoutes(this),
    );
    const { requestCounts, faults, secretKey } = this;
    const { server, url } = await startHttpServer({ router, faults, secretKey, requestCounts }, port);
    this.server = server;
    this.url = url;
  }

  /** https://clerk.com/docs/guides/development/webhooks/overview */
  private envelope(type: string, data: unknown): string {
    return JSON.stringify({
      data,
      event_attributes: { http_request: { client_ip: '127.0.0.1', user_agent: 'clerk-sandbox' } },
      instance_id: this.instanceId,
      object: 'event',
      timestamp: this.world.now(),
      type,
    });
  }
}
