// The built service with one handler more: it writes a row for each event into `chaos_effects`, in the transaction it is given, so
// that what it did can be counted. A process of its own, that ends with whoever forked it. Environment: as the service's, and
//   CHAOS_ANSWER=early  answers 204 before the webhook is stored: what the test must find out
import { setTimeout as wait } from 'node:timers/promises';

import { Module } from '@nestjs/common';

import { AppModule } from '../../dist/apps/api/apps/api/src/app.module.js';
import { readEnvironment } from '../../dist/apps/api/apps/api/src/config/environment.js';
import { startService } from '../../dist/apps/api/apps/api/src/service.js';
import { OnClerkEvent } from '../../dist/apps/api/libs/clerk/src/webhooks/clerk-event-handlers.js';
import { STORAGE } from '../../dist/apps/api/libs/clerk/src/clerk.tokens.js';

/** As long as a handler with something to do takes, at most, milliseconds: so that a process may die within. */
const HANDLER_MS_MAX = 20;

const INSERT_EFFECT = `INSERT INTO chaos_effects (delivery_id, type, entity_id, attempt) VALUES ($1, $2, $3, $4::int)`;

class Effects {
  async write(event, { transaction, idempotencyKey, attempt }) {
    await transaction.$executeRawUnsafe(INSERT_EFFECT, idempotencyKey, event.type, entityOf(event), attempt);
    await wait(Math.random() * HANDLER_MS_MAX);
  }
}
const { prototype } = Effects;
OnClerkEvent('*')(prototype, 'write', Object.getOwnPropertyDescriptor(prototype, 'write'));
Module({ providers: [Effects] })(AppModule);

process.on('disconnect', () => process.exit(0));
const { app } = await startService(readEnvironment(process.env), false);
if (process.env.CHAOS_ANSWER === 'early') answerEarly(app.get(STORAGE, { strict: false }).inbox);
process.send('ready');

function answerEarly(inbox) {
  const store = inbox.store.bind(inbox);
  inbox.store = async (delivery) => {
    void store(delivery).catch(() => undefined);
    return 'stored';
  };
}

function entityOf(event) {
  const row = event.user ?? event.organization ?? event.membership;
  return row?.clerkId ?? event.membershipId ?? event.clerkId ?? event.organizationId ?? null;
}
