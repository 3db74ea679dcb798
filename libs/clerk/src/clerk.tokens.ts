/** `ResolvedOptions`. */
export const OPTIONS = Symbol('nest-clerk.options');
/** `Storage`. */
export const STORAGE = Symbol('nest-clerk.storage');
/** Paths of the webhook endpoint, below the global prefix. */
export const WEBHOOK_PATHS = Symbol('nest-clerk.webhook-paths');
/** Name of the registration. */
export const INSTANCE_NAME = Symbol('nest-clerk.instance-name');
/** The registration's own `ClerkInstance`. */
export const INSTANCE = Symbol('nest-clerk.instance');
