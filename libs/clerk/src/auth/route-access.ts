import { Reflector } from '@nestjs/core';

import type { TokenType } from './auth.js';
import { acceptedTokensOn, OptionalAuth, Public, UseClerkInstance } from './auth.decorators.js';
import { demandsOn } from './authorization.decorators.js';
import { type Admission, compileDemands, type Demand } from './demand.js';
import { requirementProblems } from './requirement.js';

/** What a route asks of a request. */
export type RouteAccess =
  | { readonly kind: 'public' }
  | {
      readonly kind: 'guarded';
      /** Whether a request without credentials is let through as nobody. */
      readonly isOptional: boolean;
      readonly accepted: readonly TokenType[];
      /** Name of the Clerk instance that has to prove it; null leaves that to the configuration. */
      readonly instance: string | null;
      readonly admission: Admission;
    };

/** A handler or a controller. */
export type Target = Parameters<Reflector['getAllAndOverride']>[1][number];

/** What the decorators of a handler and of its controller say: the handler's word first, demands of both added up. */
export function readRouteAccess(handler: Target, controller: Target): RouteAccess {
  const reflector = new Reflector();
  const targets = [handler, controller];
  if (isPublic(reflector, handler, controller)) return { kind: 'public' };
  const demands = routeDemands(handler, controller);
  return {
    kind: 'guarded',
    // Who is nobody can meet no demand: then there is nothing optional about it.
    isOptional: reflector.getAllAndOverride(OptionalAuth, targets) === true && demands.length === 0,
    accepted: acceptedTokensOn(reflector, targets),
    instance: reflector.getAllAndOverride(UseClerkInstance, targets) ?? null,
    admission: compileDemands(demands),
  };
}

/**
 * A handler may be opened in a controller that demands something; what demands something itself stays guarded, whatever
 * opens it.
 */
function isPublic(reflector: Reflector, handler: Target, controller: Target): boolean {
  if (reflector.getAllAndOverride(Public, [handler, controller]) !== true) return false;
  const isOpened = reflector.get(Public, handler) === true;
  return demandsOn(handler).length === 0 && (isOpened || demandsOn(controller).length === 0);
}

export function routeDemands(handler: object, controller: object): readonly Demand[] {
  return [...demandsOn(controller), ...demandsOn(handler)];
}

/** Says what is wrong with the decorators of a handler; empty when nothing is. */
export function routeProblems(
  handler: Target,
  controller: Target,
  instances: readonly string[],
): readonly string[] {
  const reflector = new Reflector();
  const targets = [handler, controller];
  const demands = routeDemands(handler, controller);
  const instance = reflector.getAllAndOverride(UseClerkInstance, targets);
  const isNobodyWanted = reflector.getAllAndOverride(OptionalAuth, targets) === true && demands.length > 0;
  const isOpenedInVain =
    reflector.getAllAndOverride(Public, targets) === true && !isPublic(reflector, handler, controller);
  return [
    ...demands.flatMap(demandProblems),
    ...(instance === undefined || instances.includes(instance)
      ? []
      : [`@UseClerkInstance() names ${instance}, and there is no such registration`]),
    ...(acceptedTokensOn(reflector, targets).length === 0 ? ['@AcceptTokens() names no token'] : []),
    ...(isNobodyWanted ? ['@OptionalAuth(true) stands beside a demand, which nobody can meet'] : []),
    ...(isOpenedInVain ? ['@Public(true) stands beside a demand, which stays in force'] : []),
  ];
}

function demandProblems(demand: Demand): readonly string[] {
  if (demand.kind === 'requirement') return requirementProblems(demand.requirement, '@Authorize()');
  return demand.kind === 'scopes' && demand.scopes.length === 0 ? ['@Scopes() names no scope'] : [];
}
