import type { ExecutionContext } from '@nestjs/common';

import type { Auth } from './auth.js';
import { transportOf } from './transports/transports.js';

/** A symbol of this module: nothing that a client sends, and no other library, can put something there. */
const AUTH = Symbol('nest-clerk.auth');

interface Carrier {
  [AUTH]?: Auth | null;
}

export function setRequestAuth(context: ExecutionContext, auth: Auth | null): void {
  carrierOf(context)[AUTH] = auth;
}

/** What the guard proved; null for an anonymous call that it let through; undefined where it did not look. */
export function getRequestAuth(context: ExecutionContext): Auth | null | undefined {
  return carrierOf(context)[AUTH];
}

function carrierOf(context: ExecutionContext): Carrier {
  return transportOf(context).carrier(context);
}
