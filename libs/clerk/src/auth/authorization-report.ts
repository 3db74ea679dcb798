import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';

import { requirementProblems } from './requirement.js';
import { routeDemands } from './route-access.js';

/** Says at boot which requirements can never hold: they deny everybody, which the first user should not have to find out. */
@Injectable()
export class AuthorizationReport implements OnApplicationBootstrap {
  readonly #logger = new Logger('ClerkAuthGuard');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    for (const problem of this.problems()) this.#logger.error(`${problem}. It denies everybody.`);
  }

  problems(): readonly string[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype: Readonly<Record<string, unknown>> = metatype.prototype;
      return this.scanner.getAllMethodNames(metatype.prototype).flatMap((name) => {
        const handler = prototype[name];
        return typeof handler === 'function'
          ? problemsOf(handler, metatype).map((p) => `${metatype.name}.${name}: ${p}`)
          : [];
      });
    });
  }
}

function problemsOf(handler: object, controller: object): readonly string[] {
  return routeDemands(handler, controller).flatMap((demand) => {
    if (demand.kind === 'requirement') return requirementProblems(demand.requirement, '@Authorize()');
    return demand.kind === 'scopes' && demand.scopes.length === 0 ? ['@Scopes() names no scope'] : [];
  });
}
