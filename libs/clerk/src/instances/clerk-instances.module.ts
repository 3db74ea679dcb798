import { type DynamicModule, Module, type OnModuleInit, type Provider } from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';

import type { Auth } from '../auth/auth.js';
import { AuthorizationReport } from '../auth/authorization-report.js';
import { ClerkSockets } from '../auth/clerk-sockets.service.js';
import { RequestAuthenticator } from '../auth/request-authenticator.js';
import { TransportExceptions } from '../auth/transport-exceptions.js';
import { ClerkError } from '../clerk-error.js';
import { CurrentUsers } from '../users/current-users.js';
import type { MirroredUser } from '../users/mirrored-user.js';
import { ChoosingAuthenticator } from './choosing-authenticator.js';
import { INSTANCE_NAME } from '../clerk.tokens.js';
import {
  type ClerkInstance,
  DEFAULT_INSTANCE,
  getClerkToken,
  instanceNameIn,
  instanceToken,
} from './clerk-instance.js';
import { choiceProblems, type InstanceChoice } from './instance-choice.js';

export interface ClerkInstancesOptions {
  /** `ClerkModule.register({ name: …, … })` or `registerAsync`, one for each instance. */
  readonly instances: readonly DynamicModule[];
  readonly choose: InstanceChoice;
  /** @default true */
  readonly isGlobal?: boolean;
}

/**
 * Several Clerk instances behind one `ClerkAuthGuard`. `@InjectClerk(name)` gives the `ClerkService` of each, and `auth.instance`
 * says which one proved a request. Their options come from variables with the name in them: `CLERK_STAFF_SECRET_KEY`.
 *
 * @throws ClerkError OPTIONS_INVALID at boot
 */
@Module({})
export class ClerkInstancesModule implements OnModuleInit {
  constructor(private readonly modules: ModulesContainer) {}

  /** @throws ClerkError OPTIONS_INVALID when a registration without a name is there too: which of the two guards is luck */
  onModuleInit(): void {
    const hasUnnamed = [...this.modules.values()].some(
      ({ isGlobal, providers }) => isGlobal && providers.get(INSTANCE_NAME)?.instance === DEFAULT_INSTANCE,
    );
    if (hasUnnamed)
      throw invalid(
        'a ClerkModule.register() without a name stands beside it; give it one, and list it here',
      );
  }

  static register({ instances, choose, isGlobal = true }: ClerkInstancesOptions): DynamicModule {
    const names = instances.map(requireName);
    if (names.length === 0 || new Set(names).size < names.length) {
      throw invalid(
        'instances must be registrations with names of their own: ClerkModule.register({ name, … })',
      );
    }
    return {
      module: ClerkInstancesModule,
      global: isGlobal,
      imports: [...instances, DiscoveryModule],
      providers: createProviders(names, choose),
      exports: [
        RequestAuthenticator,
        CurrentUsers,
        TransportExceptions,
        ClerkSockets,
        ...names.map(getClerkToken),
      ],
    };
  }
}

function createProviders(names: readonly string[], choose: InstanceChoice): Provider[] {
  const inject = names.map(instanceToken);
  return [
    {
      provide: RequestAuthenticator,
      inject,
      useFactory: (...all: ClerkInstance[]) => createAuthenticator(all, choose),
    },
    { provide: CurrentUsers, inject, useFactory: (...all: ClerkInstance[]) => new UsersOfInstances(all) },
    { provide: TransportExceptions, useFactory: () => TransportExceptions.load() },
    ClerkSockets,
    AuthorizationReport,
    ...names.map((name) => ({
      provide: getClerkToken(name),
      inject: [instanceToken(name)],
      useFactory: ({ service }: ClerkInstance) => service,
    })),
  ];
}

/** Each user from the mirror of the instance that proved the token. */
class UsersOfInstances extends CurrentUsers {
  constructor(private readonly instances: readonly ClerkInstance[]) {
    super();
  }

  require(auth: Auth): Promise<MirroredUser> {
    const instance = this.instances.find(({ name }) => name === auth.instance);
    if (instance !== undefined) return instance.users.require(auth);
    throw new ClerkError('NOT_ALLOWED', `There is no Clerk instance named ${auth.instance}.`);
  }
}

function createAuthenticator(
  instances: readonly ClerkInstance[],
  choice: InstanceChoice,
): RequestAuthenticator {
  const problems = choiceProblems(choice, instances);
  if (problems.length > 0) throw invalid(problems.join('; '));
  const authenticators = new Map(instances.map(({ name, authenticator }) => [name, authenticator]));
  return new ChoosingAuthenticator({ authenticators, choice });
}

function requireName(registration: DynamicModule): string {
  const name = instanceNameIn(registration);
  if (name !== null) return name;
  throw invalid('instances must be what ClerkModule.register() or registerAsync() gives');
}

function invalid(problem: string): ClerkError {
  return new ClerkError('OPTIONS_INVALID', `ClerkInstancesModule is not set up right: ${problem}.`);
}
