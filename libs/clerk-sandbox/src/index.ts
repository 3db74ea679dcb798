export { ClerkSandbox, type ClerkSandboxOptions, type SignInOptions } from './clerk-sandbox.js';
export { SEEDED_MACHINE_SECRETS, SEEDED_ORGANIZATION, SEEDED_USERS } from './state/seeds.js';
export type { SessionTokenOverrides } from './tokens/session-tokens.js';
export { createSigningKey, signJwt, type SigningKey } from './tokens/signing-keys.js';
export type { WebhookMessage } from './webhooks/webhook-deliverer.js';
export { createWebhookSecret, signatureHeaders } from './webhooks/webhook-signature.js';
