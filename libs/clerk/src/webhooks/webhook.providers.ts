import type { Provider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import type { ResolvedOptions } from '../clerk.options.js';
import { OPTIONS, STORAGE, WEBHOOK_PATHS } from '../clerk.tokens.js';
import { ClerkBackend } from '../client/clerk-backend.js';
import type { Storage } from '../storage.js';
import { AccessRevoker } from './access-revoker.js';
import { ClerkEventHandlers } from './clerk-event-handlers.js';
import { InstancePin } from './instance-pin.js';
import { KafkaWebhookInbox } from './kafka-webhook-inbox.js';
import { kafkaWebhookProviders } from './kafka-webhook.providers.js';
import { OldEvents } from './old-events.js';
import { WebhookApplier } from './webhook-applier.service.js';
import { WebhookBodies } from './webhook-bodies.js';
import { WebhookReceiver } from './webhook-receiver.js';
import { WebhookRetention } from './webhook-retention.service.js';
import { WebhookWakeups } from './webhook-wakeups.js';

/** From the endpoint to the handlers. */
export const webhookProviders: Provider[] = [
  AccessRevoker,
  ClerkEventHandlers,
  ...kafkaWebhookProviders,
  {
    provide: InstancePin,
    inject: [OPTIONS, ClerkBackend],
    useFactory: ({ instanceId, secretKey }: ResolvedOptions, backend: ClerkBackend) =>
      new InstancePin({
        instanceId,
        fetchInstanceId: secretKey === null ? null : () => backend.listing.instanceId(),
        nowMs: () => performance.now(),
      }),
  },
  {
    provide: OldEvents,
    inject: [OPTIONS, STORAGE, ClerkBackend],
    useFactory: ({ secretKey }: ResolvedOptions, { sync }: Storage, { listing }: ClerkBackend) =>
      secretKey === null
        ? null
        : new OldEvents({
            store: sync,
            find: (kind, content) => kind.find(listing, content),
            fetchInstanceId: () => listing.instanceId(),
            nowMs: Date.now,
          }),
  },
  {
    provide: WebhookApplier,
    inject: [OPTIONS, STORAGE, InstancePin, AccessRevoker, ClerkEventHandlers, OldEvents],
    useFactory: (
      { webhookConcurrency, webhookMetrics }: ResolvedOptions,
      { inbox }: Storage,
      ...[pin, revoker, handlers, old]: [InstancePin, AccessRevoker, ClerkEventHandlers, OldEvents | null]
    ) =>
      new WebhookApplier({
        inbox,
        onEvent: (event, context) => handlers.handle(event, context),
        onAccessEnded: (ended) => revoker.revoke(ended),
        isForeign: (instanceId) => pin.isForeign(instanceId),
        ...(old === null ? {} : { current: (delivery) => old.current(delivery) }),
        concurrency: webhookConcurrency,
        metrics: webhookMetrics,
      }),
  },
  {
    provide: WebhookWakeups,
    inject: [OPTIONS, WebhookApplier],
    useFactory: ({ database, webhookListen, instance }: ResolvedOptions, applier: WebhookApplier) =>
      database === null || webhookListen === null
        ? null
        : new WebhookWakeups({
            database,
            listen: webhookListen,
            registration: instance,
            onNotice: () => applier.wake(),
          }),
  },
  {
    provide: WebhookReceiver,
    inject: [OPTIONS, STORAGE, WebhookApplier, WebhookWakeups, KafkaWebhookInbox],
    useFactory: (
      { webhookKeys, webhookMetrics }: ResolvedOptions,
      { inbox }: Storage,
      ...[applier, wakeups, kafka]: [WebhookApplier, WebhookWakeups | null, KafkaWebhookInbox | null]
    ) =>
      new WebhookReceiver({
        inbox: kafka ?? inbox,
        keys: webhookKeys,
        onStored: () => {
          // In Kafka it is in nobody's inbox yet.
          if (kafka !== null) return;
          applier.wake();
          wakeups?.notify();
        },
        nowMs: Date.now,
        metrics: webhookMetrics,
      }),
  },
  {
    provide: WebhookRetention,
    inject: [OPTIONS, STORAGE],
    useFactory: ({ webhookPayloadDays, webhookIdDays }: ResolvedOptions, { inbox }: Storage) =>
      new WebhookRetention({ inbox, payloadDays: webhookPayloadDays, idDays: webhookIdDays }),
  },
  {
    provide: WebhookBodies,
    inject: [HttpAdapterHost, OPTIONS, WEBHOOK_PATHS],
    useFactory: (host: HttpAdapterHost, options: ResolvedOptions, paths: readonly string[]) =>
      new WebhookBodies(host, { paths, bytesMax: options.webhookBodyBytesMax }),
  },
];
