// Takes webhooks from Kafka and applies them, with a handler that writes down each event in the same transaction. It may end itself as
// kill -9 does: after `endAfter` deliveries, each already in the inbox and none of the last ones committed to Kafka. From the build:
//   node test/support/kafka-consumer.js '{"databaseUrl": …, "brokers": […], "topic": …, "endAfter": 10}'
import { PrismaService } from '../../dist/apps/api/apps/api/src/database/prisma.service.js';
import { loadKafka } from '../../dist/apps/api/libs/clerk/src/webhooks/kafka-connection.js';
import { KafkaPublisher } from '../../dist/apps/api/libs/clerk/src/webhooks/kafka-publisher.js';
import { KafkaWebhookConsumer } from '../../dist/apps/api/libs/clerk/src/webhooks/kafka-webhook-consumer.js';
import { PrismaWebhookInbox } from '../../dist/apps/api/libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import { WebhookApplier } from '../../dist/apps/api/libs/clerk/src/webhooks/webhook-applier.service.js';

const { databaseUrl, brokers, topic, endAfter } = JSON.parse(process.argv[2]);
const database = await PrismaService.open({ kind: 'postgres', url: databaseUrl });
const inbox = new PrismaWebhookInbox(database, 'default');
const applier = new WebhookApplier({
  inbox,
  onEvent: (event, { transaction, idempotencyKey }) =>
    transaction.$executeRawUnsafe(
      'INSERT INTO effects (id, type) VALUES ($1, $2)',
      idempotencyKey,
      event.type,
    ),
  onAccessEnded: () => Promise.resolve(),
  pollMs: 100,
});
const connection = await loadKafka({ brokers, topic, connection: {} });
let stored = 0;
const consumer = new KafkaWebhookConsumer({
  connection,
  publisher: new KafkaPublisher(connection),
  topic,
  registration: 'default',
  inbox: {
    store: async (delivery) => {
      const outcome = await inbox.store(delivery);
      stored += 1;
      if (stored === endAfter) process.kill(process.pid, 'SIGKILL');
      process.send({ id: delivery.id, outcome });
      return outcome;
    },
  },
  onStored: () => applier.wake(),
  sessionMs: 6_000,
});
applier.onApplicationBootstrap();
consumer.onApplicationBootstrap();
process.on('disconnect', () => process.exit(0));
