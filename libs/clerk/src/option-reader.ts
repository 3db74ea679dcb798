import { issuerOf } from './auth/issuer.js';
import { parsePemKey } from './auth/token-keys.js';
import type { ClerkModuleOptions, ResolvedOptions } from './clerk.options.js';
import { ClerkError } from './clerk-error.js';
import { DEFAULT_INSTANCE } from './instances/clerk-instance.js';
import { DEFAULT_TOPIC, kafkaProblems } from './webhooks/kafka-options.js';
import { decodeWebhookSecret } from './webhooks/webhook-signature.js';

export interface OptionSources {
  /** Name of the registration. */
  readonly instance: string;
  readonly options: ClerkModuleOptions;
  /** The value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Whether a webhook endpoint is mounted, which then needs a secret. */
  readonly hasWebhookEndpoint: boolean;
}

type NumberName = {
  [Name in keyof ResolvedOptions]: ResolvedOptions[Name] extends number ? Name : never;
}[keyof ResolvedOptions];

interface NumberRule {
  readonly env?: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

const NUMBERS: Readonly<Record<NumberName, NumberRule>> = {
  sessionDurationSeconds: { env: 'CLERK_SESSION_DURATION', fallback: 86_400, min: 1, max: 2_592_000 },
  verifiedTokenTtlSeconds: { env: 'CLERK_JWT_TTL', fallback: 3_600, min: 0, max: 86_400 },
  clockSkewSeconds: { fallback: 5, min: 0, max: 60 },
  requestTimeoutMs: { fallback: 5_000, min: 100, max: 30_000 },
  jwksStaleSecondsMax: { fallback: 86_400, min: 0, max: 604_800 },
  unknownKeyCooldownSeconds: { fallback: 30, min: 1, max: 3_600 },
  webhookBodyBytesMax: { fallback: 1_048_576, min: 1_024, max: 10_485_760 },
  webhookConcurrency: { fallback: 4, min: 1, max: 64 },
  webhookPayloadDays: { fallback: 30, min: 1, max: 365 },
  webhookIdDays: { fallback: 90, min: 1, max: 3_650 },
};

/** Reads options one by one and collects what is wrong with them. */
export class OptionReader {
  readonly #problems: string[] = [];
  /** What the names of variables start with. */
  readonly #prefix: string;

  constructor(private readonly sources: OptionSources) {
    const { instance } = sources;
    this.#prefix =
      instance === DEFAULT_INSTANCE ? 'CLERK_' : `CLERK_${instance.toUpperCase().replaceAll('-', '_')}_`;
    if (!/^[a-z][a-z0-9-]*$/i.test(instance))
      this.report('name must be a letter, then letters, digits and -');
  }

  report(problem: string): void {
    this.#problems.push(problem.replaceAll('CLERK_', this.#prefix));
  }

  hasProblems(): boolean {
    return this.#problems.length > 0;
  }

  throwProblems(): void {
    if (!this.hasProblems()) return;
    const lines = this.#problems.map((problem) => `  - ${problem}`).join('\n');
    throw new ClerkError('OPTIONS_INVALID', `${this.#registration()} is not set up right:\n${lines}`);
  }

  key(name: 'secretKey' | 'publishableKey', variable: string, pattern: RegExp): string | null {
    const value = this.#text(this.sources.options[name], variable);
    if (value === undefined) return null;
    const prefix = name === 'secretKey' ? 'sk' : 'pk';
    if (!pattern.test(value)) {
      this.report(
        `${name} (${variable}) must start with ${prefix}_test_ or ${prefix}_live_: copy it from the dashboard, API keys`,
      );
    }
    return value;
  }

  jwtKey(): ResolvedOptions['jwtKey'] {
    const pem = this.#text(this.sources.options.jwtKey, 'CLERK_JWT_KEY');
    if (pem === undefined) return null;
    const key = parsePemKey(pem);
    if (key !== null) return { pem, key };
    this.report(
      'jwtKey (CLERK_JWT_KEY) must be an RSA public key in PEM, 2048 bits or more: copy it from the dashboard, API keys, JWKS public key',
    );
    return null;
  }

  webhookKeys(): readonly Buffer[] {
    const given = this.sources.options.webhookSecrets;
    const fromEnv = this.#env('CLERK_WEBHOOK_SECRET') ?? this.#env('CLERK_WEBHOOK_SIGNING_SECRET');
    const secrets = given === undefined ? split(fromEnv) : [given].flat().flatMap(split);
    if (secrets.length === 0 && this.sources.hasWebhookEndpoint) {
      this.report(
        'webhookSecrets (CLERK_WEBHOOK_SECRET) is missing: copy the signing secret of the endpoint from the dashboard, Webhooks; or register with webhookPath: null to have no endpoint',
      );
    }
    const keys = secrets.map(decodeWebhookSecret);
    if (keys.includes(null)) {
      this.report(
        'webhookSecrets (CLERK_WEBHOOK_SECRET) must be whsec_ and base64, several separated by commas',
      );
    }
    return keys.filter((key) => key !== null);
  }

  origin(name: 'apiUrl' | 'issuer', variable?: string): string | null {
    const value = this.#text(this.sources.options[name], variable);
    if (value === undefined) return null;
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url !== null && (url.protocol === 'https:' || isLoopback(url))) return value.replace(/\/+$/, '');
    this.report(
      `${name}${variable === undefined ? '' : ` (${variable})`} must be an https URL (http on loopback only)`,
    );
    return null;
  }

  issuerOf(publishableKey: string | null): string | null {
    if (publishableKey === null) return null;
    const issuer = issuerOf(publishableKey);
    if (issuer === null) {
      this.report(
        'publishableKey (CLERK_PUBLISHABLE_KEY) names no host: copy it whole from the dashboard, API keys',
      );
    }
    return issuer;
  }

  parties(): Pick<ResolvedOptions, 'authorizedParties' | 'authorizedPartyPolicy'> {
    const { authorizedParties = [], authorizedPartyPolicy: policy } = this.sources.options;
    const authorizedPartyPolicy = policy ?? (authorizedParties.length > 0 ? 'strict' : 'off');
    if (!['strict', 'allow-missing', 'off'].includes(authorizedPartyPolicy)) {
      this.report('authorizedPartyPolicy must be strict, allow-missing or off');
    }
    if (authorizedPartyPolicy !== 'off' && authorizedParties.length === 0) {
      this.report('authorizedParties is empty: with this authorizedPartyPolicy every token would be refused');
    }
    for (const party of authorizedParties) {
      if (!URL.canParse(party) || new URL(party).origin !== party) {
        this.report(
          'authorizedParties must be origins without a path or a final slash, such as https://app.example.com',
        );
      }
    }
    return { authorizedParties, authorizedPartyPolicy };
  }

  sessionCookie(): boolean {
    const {
      sessionCookie = false,
      authorizedParties = [],
      authorizedPartyPolicy = 'strict',
    } = this.sources.options;
    if (typeof sessionCookie !== 'boolean') this.report('sessionCookie must be true or false');
    if (sessionCookie && (authorizedParties.length === 0 || authorizedPartyPolicy !== 'strict')) {
      this.report(
        'sessionCookie needs authorizedParties and the policy strict: without them any site could use the cookie of a visitor',
      );
    }
    return sessionCookie;
  }

  instanceId(): string | null {
    const value = this.#text(this.sources.options.instanceId, 'CLERK_INSTANCE_ID');
    if (value === undefined) return null;
    if (!/^ins_\w+$/.test(value)) {
      this.report(
        'instanceId (CLERK_INSTANCE_ID) must start with ins_: copy it from the dashboard, Settings',
      );
    }
    return value;
  }

  webhookKafka(): ResolvedOptions['webhookKafka'] {
    const given = this.sources.options.webhookKafka;
    if (given === undefined) return null;
    for (const problem of kafkaProblems(given)) this.report(problem);
    return { topic: DEFAULT_TOPIC, connection: {}, ...given };
  }

  numbers(): Pick<ResolvedOptions, NumberName> {
    // Exactly the names of the table, as its type says.
    return Object.fromEntries(
      Object.keys(NUMBERS).map((name) => [name, this.#number(name as NumberName)]),
    ) as Record<NumberName, number>;
  }

  #registration(): string {
    const { instance } = this.sources;
    return instance === DEFAULT_INSTANCE ? 'ClerkModule' : `ClerkModule (${instance})`;
  }

  #number(name: NumberName): number {
    const { env, fallback, min, max } = NUMBERS[name];
    const given: unknown = this.sources.options[name];
    const text = env === undefined ? undefined : this.#env(env);
    const value = given ?? (text === undefined ? fallback : Number(text));
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.report(
      `${name}${env === undefined ? '' : ` (${env})`} must be a whole number from ${min} to ${max}`,
    );
    return fallback;
  }

  #text(given: unknown, variable: string | undefined): string | undefined {
    if (given === undefined || given === null)
      return variable === undefined ? undefined : this.#env(variable);
    if (typeof given === 'string') return given.trim() === '' ? undefined : given.trim();
    this.report(`${variable ?? 'an option'} must be text, not ${typeof given}`);
    return undefined;
  }

  /** A variable that is set to nothing is one that is not set. */
  #env(name: string): string | undefined {
    const value = this.sources.env(name.replace(/^CLERK_/, this.#prefix))?.trim();
    return value === '' ? undefined : value;
  }
}

function split(secrets: string | undefined): string[] {
  return (secrets ?? '').split(',').flatMap((secret) => (secret.trim() === '' ? [] : [secret.trim()]));
}

function isLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}
