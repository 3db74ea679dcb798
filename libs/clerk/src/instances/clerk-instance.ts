import { type DynamicModule, Inject } from '@nestjs/common';

import type { InstanceAuthenticator } from '../auth/instance-authenticator.js';
import { INSTANCE_NAME } from '../clerk.tokens.js';
import type { ClerkService } from '../clerk.service.js';
import type { CurrentUsers } from '../users/current-users.js';

/** What a registration without a name is called. */
export const DEFAULT_INSTANCE = 'default';

/** One Clerk instance of an application that has several. */
export interface ClerkInstance {
  readonly name: string;
  /** Null: tokens of any issuer whose key verifies are taken. */
  readonly issuer: string | null;
  readonly authenticator: InstanceAuthenticator;
  readonly users: CurrentUsers;
  readonly service: ClerkService;
}

/** The injection token of `ClerkService` of a named registration. */
export function getClerkToken(name: string): string {
  return `nest-clerk.service:${name}`;
}

/** Constructor parameter: `ClerkService` of a named registration. */
export const InjectClerk = (name: string): ParameterDecorator => Inject(getClerkToken(name));

export function instanceToken(name: string): string {
  return `nest-clerk.instance:${name}`;
}

/** The name that was given to `ClerkModule.register()` or `registerAsync()`; null for any other module. */
export function instanceNameIn({ providers = [] }: DynamicModule): string | null {
  const named = providers.find((provider) => 'provide' in provider && provider.provide === INSTANCE_NAME);
  return named !== undefined && 'useValue' in named && typeof named.useValue === 'string'
    ? named.useValue
    : null;
}
