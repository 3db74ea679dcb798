import type { ExecutionContext } from '@nestjs/common';

import type { Auth } from './auth.js';
import { transportOf } from './transports/transports.js';

/** A symbol of this module: nothing that a client sends, and no other library, can put something there. */
const AUTH = Symbol('nest-clerk.auth');

interface Carrier {
  [AUTH]?: Auth | null;
}

interface Operation {
  /** `several`: calls of one operation were proved to be different ones. Then nobody is taken for any of them. */
  [AUTH]?: Auth | null | 'several';
}

/** Of this call alone: it was proved whose it is, and not yet that it may be made. */
export function setProvedAuth(context: ExecutionContext, auth: Auth): void {
  const carrier: Carrier = transportOf(context).carrier(context);
  carrier[AUTH] = auth;
}

/** Of a call that is let through, and of the other calls of its operation. */
export function setRequestAuth(context: ExecutionContext, auth: Auth | null): void {
  const transport = transportOf(context);
  const carrier: Carrier = transport.carrier(context);
  carrier[AUTH] = auth;
  const operation: Operation | undefined = transport.operation?.(context);
  if (operation === undefined || operation === carrier) return;
  operation[AUTH] = AUTH in operation && operation[AUTH] !== auth ? 'several' : auth;
}

/**
 * What `ClerkAuthGuard` proved of a call, for guards and interceptors that come after it, and for filters where it then refused what was
 * asked for (403); null for an anonymous call that it let through; undefined where it did not look or nothing was proved.
 */
export function getRequestAuth(context: ExecutionContext): Auth | null | undefined {
  const transport = transportOf(context);
  const carrier: Carrier = transport.carrier(context);
  if (AUTH in carrier) return carrier[AUTH];
  const operation: Operation | undefined = transport.operation?.(context);
  const shared = operation?.[AUTH];
  return shared === 'several' ? undefined : shared;
}
