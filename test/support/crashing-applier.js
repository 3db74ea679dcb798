// Applies what waits in a database, with a handler that ends the process for the user of one name. A process of its own, from the build:
//   node test/support/crashing-applier.js DATABASE_URL
import { PrismaService } from '../../dist/apps/api/apps/api/src/database/prisma.service.js';
import { PrismaWebhookInbox } from '../../dist/apps/api/libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import { WebhookApplier } from '../../dist/apps/api/libs/clerk/src/webhooks/webhook-applier.service.js';

const database = await PrismaService.open({ kind: 'postgres', url: process.argv[2] });
const applier = new WebhookApplier({
  inbox: new PrismaWebhookInbox(database, 'default'),
  onEvent: async (event) => {
    if (event.user?.firstName === 'Crash') process.exit(7);
  },
  onAccessEnded: () => Promise.resolve(),
  pollMs: 50,
});
applier.onApplicationBootstrap();
process.on('disconnect', () => process.exit(0));
