import type { ClerkModuleOptions, ResolvedOptions } from './clerk.options.js';
import { NoWebhookMetrics } from './webhooks/webhook-metrics.js';
import { OptionReader, type OptionSources } from './option-reader.js';

/**
 * Fills in defaults and checks every option.
 *
 * @throws ClerkError OPTIONS_INVALID with one line for each problem: the option, its variable, and the fix; never a value
 */
export function resolveOptions(sources: OptionSources): ResolvedOptions {
  const reader = new OptionReader(sources);
  const secretKey = reader.key('secretKey', 'CLERK_SECRET_KEY', /^sk_(?:test|live)_\S+$/);
  const jwtKey = reader.jwtKey();
  const publishableKey = reader.key('publishableKey', 'CLERK_PUBLISHABLE_KEY', /^pk_(?:test|live)_\S+$/);
  if (secretKey === null && jwtKey === null && !reader.hasProblems()) {
    reader.report(
      'secretKey (CLERK_SECRET_KEY) is missing: set it, or jwtKey (CLERK_JWT_KEY) to verify tokens without calling Clerk',
    );
  }
  const resolved: ResolvedOptions = {
    instance: sources.instance,
    secretKey,
    publishableKey,
    jwtKey,
    webhookKeys: reader.webhookKeys(),
    apiUrl: reader.origin('apiUrl', 'CLERK_API_URL') ?? 'https://api.clerk.com',
    issuer: reader.origin('issuer') ?? reader.issuerOf(publishableKey),
    ...reader.parties(),
    sessionCookie: reader.sessionCookie(),
    audiences: [sources.options.audience ?? []].flat(),
    ...reader.numbers(),
    ...webhookParts(reader, sources.options),
    database: sources.options.database ?? null,
    redis: sources.options.redis ?? null,
  };
  reader.throwProblems();
  return resolved;
}

function webhookParts(
  reader: OptionReader,
  options: ClerkModuleOptions,
): Pick<ResolvedOptions, 'instanceId' | 'webhookListen' | 'webhookMetrics' | 'webhookKafka'> {
  return {
    instanceId: reader.instanceId(),
    webhookListen: options.webhookListen ?? null,
    webhookMetrics: options.webhookMetrics ?? new NoWebhookMetrics(),
    webhookKafka: reader.webhookKafka(),
  };
}
