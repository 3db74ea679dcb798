import { Inject, Injectable, Logger, type OnApplicationBootstrap, Optional } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import { INSTANCE_NAME } from '../clerk.tokens.js';
import { DEFAULT_INSTANCE } from '../instances/clerk-instance.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { routeDemands, routeProblems, type Target } from './route-access.js';

/** Where @nestjs/graphql 14 keeps what it knows of a field resolver, and its own options. */
const FIELD_RESOLVER = 'graphql:resolve_property';
const GRAPHQL_OPTIONS = 'GqlModuleOptions';

/** A method that may be called from outside. */
interface Handler {
  readonly name: string;
  readonly method: Target;
  readonly controller: Target;
}

/**
 * Says at boot which demands can never hold: they deny everybody, which the first user should not have to find out. And stops
 * the boot where they would let everybody in.
 */
@Injectable()
export class AuthorizationReport implements OnApplicationBootstrap {
  readonly #logger = new Logger('ClerkAuthGuard');
  readonly #scanner = new MetadataScanner();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly authenticator: RequestAuthenticator,
    /** None in the module that chooses among registrations with names: it reports for them all. */
    @Optional() @Inject(INSTANCE_NAME) private readonly registration: string = DEFAULT_INSTANCE,
  ) {}

  /** @throws ClerkError OPTIONS_INVALID when fields of GraphQL types demand something that no guard looks at */
  onApplicationBootstrap(): void {
    if (this.registration !== DEFAULT_INSTANCE) return;
    for (const problem of this.problems()) this.#logger.error(`${problem}.`);
    const [unguarded] = this.#unguardedFields();
    if (unguarded === undefined) return;
    throw new ClerkError(
      'OPTIONS_INVALID',
      `${unguarded} demands something, and Nest runs no guards for fields: give GraphQLModule fieldResolverEnhancers: ['guards'].`,
    );
  }

  problems(): readonly string[] {
    return this.#handlers().flatMap(({ name, method, controller }) =>
      routeProblems(method, controller, this.authenticator.instances).map((problem) => `${name}: ${problem}`),
    );
  }

  #unguardedFields(): readonly string[] {
    const options = this.discovery.getProviders().find(({ token }) => token === GRAPHQL_OPTIONS);
    const settings: unknown = options?.instance;
    const enhancers =
      typeof settings === 'object' && settings !== null
        ? Reflect.get(settings, 'fieldResolverEnhancers')
        : [];
    if (options === undefined || (Array.isArray(enhancers) && enhancers.includes('guards'))) return [];
    return this.#handlers().flatMap(({ name, method, controller }) =>
      Reflect.hasMetadata(FIELD_RESOLVER, method) && routeDemands(method, controller).length > 0
        ? [name]
        : [],
    );
  }

  /** Of controllers, and of resolvers and gateways, which are providers. */
  #handlers(): readonly Handler[] {
    const classes = [...this.discovery.getControllers(), ...this.discovery.getProviders()].map(
      ({ metatype }) => metatype,
    );
    return [...new Set(classes)].flatMap((metatype) => {
      if (
        typeof metatype !== 'function' ||
        typeof metatype.prototype !== 'object' ||
        metatype.prototype === null
      )
        return [];
      const prototype: Readonly<Record<string, unknown>> = metatype.prototype;
      return this.#scanner.getAllMethodNames(metatype.prototype).flatMap((name) => {
        const method = prototype[name];
        return typeof method === 'function'
          ? [{ name: `${metatype.name}.${name}`, method, controller: metatype }]
          : [];
      });
    });
  }
}
