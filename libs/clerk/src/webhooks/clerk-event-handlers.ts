import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';

import type { ClerkDatabaseConnection } from '../clerk-database.js';
import type { ClerkEvent, ClerkEventOf } from './clerk-event.js';

const EVENT_TYPE = Symbol('nest-clerk.event-type');

type Handler<Type extends ClerkEvent['type']> = (
  event: ClerkEventOf<Type>,
  transaction: ClerkDatabaseConnection | null,
) => Promise<void>;

/**
 * On a method of any provider: `@OnClerkEvent('user.deleted')`. It is called with the event and with the transaction that changes
 * the users table (null without a database): what it writes there commits with that change or not at all. When it rejects,
 * the whole webhook is tried again with growing pauses, so what it does outside the database must be safe to do twice.
 */
export function OnClerkEvent<Type extends ClerkEvent['type']>(type: Type) {
  return (_target: object, _key: string | symbol, descriptor: { readonly value?: Handler<Type> }): void => {
    if (descriptor.value !== undefined) Reflect.defineMetadata(EVENT_TYPE, type, descriptor.value);
  };
}

type AnyHandler = (event: ClerkEvent, transaction: ClerkDatabaseConnection | null) => unknown;

/** The `@OnClerkEvent()` methods of the application. */
@Injectable()
export class ClerkEventHandlers {
  #byType: ReadonlyMap<string, readonly AnyHandler[]> | null = null;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** One handler after the other, in the transaction. Rejects with the first failure. */
  async handle(event: ClerkEvent, transaction: ClerkDatabaseConnection | null): Promise<void> {
    // Found at the first event, when every provider is there.
    this.#byType ??= this.#discover();
    for (const handler of this.#byType.get(event.type) ?? []) await handler(event, transaction);
  }

  #discover(): ReadonlyMap<string, readonly AnyHandler[]> {
    const found = new Map<string, AnyHandler[]>();
    // A provider under two names is one object, and one handler.
    for (const instance of new Set(
      this.discovery.getProviders().map((provider): unknown => provider.instance),
    )) {
      if (typeof instance !== 'object' || instance === null) continue;
      for (const [type, handler] of this.#handlersOf(instance))
        found.set(type, [...(found.get(type) ?? []), handler]);
    }
    return found;
  }

  #handlersOf(instance: object): [string, AnyHandler][] {
    return this.scanner
      .getAllMethodNames(Object.getPrototypeOf(instance))
      .flatMap((name): [string, AnyHandler][] => {
        const method: unknown = Reflect.get(instance, name);
        const type: unknown =
          typeof method === 'function' ? Reflect.getMetadata(EVENT_TYPE, method) : undefined;
        if (typeof method !== 'function' || typeof type !== 'string') return [];
        return [[type, (event, transaction) => method.call(instance, event, transaction)]];
      });
  }
}
