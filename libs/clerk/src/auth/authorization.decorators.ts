import type { Demand } from './demand.js';
import type { Requirement } from './requirement.js';
import type { Reverification } from './reverification.js';

const DEMANDS = Symbol('nest-clerk.demands');

/**
 * What a session must have: `@Authorize({ role: 'org:admin' })`, `@Authorize({ any: [{ plan: 'pro' }, { role: 'admin' }] })`. On a
 * controller, on a handler, or on both and several times: all of it must hold. An empty or unknown requirement denies, and
 * is reported at boot. Otherwise 403 `NOT_ALLOWED`, or `REVERIFICATION_REQUIRED` where signing in again would help.
 *
 * Clerk's `has()` decides in the same way. Machine tokens have no roles: see `@Scopes()`.
 */
export function Authorize(requirement: Requirement): ClassDecorator & MethodDecorator {
  return demand({ kind: 'requirement', requirement });
}

/** `@RequireRole('org:admin')` in the active organisation. */
export const RequireRole = (role: string) => Authorize({ role });

/** `@RequirePermission('org:invoices:manage')` in the active organisation. Custom permissions: `org:sys_*` is never in a token. */
export const RequirePermission = (permission: string) => Authorize({ permission });

/** `@RequirePlan('pro')`, `'user:pro'` or `'org:pro'`. */
export const RequirePlan = (plan: string) => Authorize({ plan });

/** `@RequireFeature('audit_log')`, `'user:…'` or `'org:…'`. */
export const RequireFeature = (feature: string) => Authorize({ feature });

/** `@RequireReverification('strict')`: the user must have proved who they are lately. Answered as Clerk's front end expects. */
export const RequireReverification = (reverification: Reverification) => Authorize({ reverification });

/** `@RequireOrganization({ param: 'org' })`: the active organisation must be the one in the path, by id or slug. */
export function RequireOrganization({ param }: { readonly param: string }): ClassDecorator & MethodDecorator {
  return demand({ kind: 'organization', parameter: param });
}

/** Refuses a session in which somebody acts for the user (`act`). */
export function DenyImpersonation(): ClassDecorator & MethodDecorator {
  return demand({ kind: 'no-impersonation' });
}

/** `@Scopes('chat:write')`: what a machine token must be granted, all of it. Sessions have no scopes, and are not asked. */
export function Scopes(...scopes: readonly string[]): ClassDecorator & MethodDecorator {
  return demand({ kind: 'scopes', scopes });
}

/** The demands on a handler or controller, or none. */
export function demandsOn(target: object): readonly Demand[] {
  const found: unknown = Reflect.getMetadata(DEMANDS, target);
  return isDemands(found) ? found : [];
}

/** Adds to what is there: a second decorator on one handler must never take the place of the first. */
function demand(added: Demand): ClassDecorator & MethodDecorator {
  return (target: object, _key?: string | symbol, descriptor?: { readonly value?: unknown }) => {
    const subject: unknown = descriptor === undefined ? target : descriptor.value;
    if (typeof subject !== 'function')
      throw new TypeError('Put this decorator on a controller or a handler.');
    Reflect.defineMetadata(DEMANDS, [...demandsOn(subject), added], subject);
  };
}

/** The symbol is this module's own: what stands under it was put there by `demand`. */
function isDemands(value: unknown): value is readonly Demand[] {
  return Array.isArray(value);
}
