import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';

import {
  type ClerkEvent,
  type ClerkEventContext,
  type ClerkEventOf,
  type ClerkEventPattern,
  matchesEvent,
} from './clerk-event.js';

const EVENT_PATTERNS = Symbol('nest-clerk.event-patterns');

type Handler<Pattern extends ClerkEventPattern> = (
  event: ClerkEventOf<Pattern>,
  context: ClerkEventContext,
) => Promise<void>;

/**
 * On a method of any provider: `@OnClerkEvent('user.deleted')`, `@OnClerkEvent('organizationMembership.*')`, `@OnClerkEvent('*')`.
 * It is called with the event and with its context: what it writes in `context.transaction` commits with the change of the
 * mirror or not at all. When it rejects, the whole webhook is tried again with growing pauses, so what it does outside the
 * database must be safe to do twice: `context.idempotencyKey` stays the same.
 */
export function OnClerkEvent<Pattern extends ClerkEventPattern>(pattern: Pattern) {
  return (
    _target: object,
    _key: string | symbol,
    descriptor: { readonly value?: Handler<Pattern> },
  ): void => {
    const { value } = descriptor;
    if (value !== undefined) Reflect.defineMetadata(EVENT_PATTERNS, [pattern, ...patternsOf(value)], value);
  };
}

interface FoundHandler {
  readonly patterns: readonly string[];
  readonly call: (event: ClerkEvent, context: ClerkEventContext) => unknown;
}

/** The `@OnClerkEvent()` methods of the application. */
@Injectable()
export class ClerkEventHandlers {
  #found: readonly FoundHandler[] | null = null;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** One handler after the other. Rejects with the first failure. */
  async handle(event: ClerkEvent, context: ClerkEventContext): Promise<void> {
    // Found at the first event, when every provider is there.
    this.#found ??= this.#discover();
    for (const { patterns, call } of this.#found) {
      if (patterns.some((pattern) => matchesEvent(pattern, event.type))) await call(event, context);
    }
  }

  #discover(): readonly FoundHandler[] {
    // A provider under two names is one object, and one handler.
    const instances = new Set(this.discovery.getProviders().map((provider): unknown => provider.instance));
    return [...instances].flatMap((instance) =>
      typeof instance === 'object' && instance !== null ? this.#handlersOf(instance) : [],
    );
  }

  #handlersOf(instance: object): readonly FoundHandler[] {
    return this.scanner.getAllMethodNames(Object.getPrototypeOf(instance)).flatMap((name) => {
      const method: unknown = Reflect.get(instance, name);
      if (typeof method !== 'function') return [];
      const patterns = patternsOf(method);
      const call: FoundHandler['call'] = (event, context) => method.call(instance, event, context);
      return patterns.length === 0 ? [] : [{ patterns, call }];
    });
  }
}

function patternsOf(method: object): readonly string[] {
  const patterns: unknown = Reflect.getMetadata(EVENT_PATTERNS, method);
  return Array.isArray(patterns) ? patterns : [];
}
