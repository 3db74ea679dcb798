import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { ClerkError } from '../libs/clerk/src/clerk-error.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import { ATTEMPTS_MAX } from '../libs/clerk/src/webhooks/retry-delay.js';
import { parseWebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let prisma: PrismaService;
let inbox: PrismaWebhookInbox;

beforeAll(async () => {
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
  inbox = new PrismaWebhookInbox(prisma, 'default');
}, 90_000);

afterAll(async () => {
  await prisma.onApplicationShutdown();
  await database.drop();
});

const SENT_MS = 1_800_000_000_000;
const PERSONAL = ['quetzalcoatl@example.com', 'Xochipilli', 'Tlazolteotl', 'tezcatlipoca'];
const [EMAIL, FIRST_NAME, LAST_NAME, USERNAME] = PERSONAL;
const NAMES = { first_name: FIRST_NAME, last_name: LAST_NAME };

const user = (id: string) => ({
  id,
  ...NAMES,
  username: USERNAME,
  primary_email_address_id: 'idn_1',
  email_addresses: [{ id: 'idn_1', email_address: EMAIL }],
  public_metadata: { nickname: USERNAME },
});

/** Each event that names a person: as Clerk sends it. */
const EVENTS: readonly [string, (userId: string) => object][] = [
  ['user.created', user],
  ['user.updated', (id) => ({ ...user(id), updated_at: SENT_MS + 1 })],
  ['session.created', (id) => ({ id: 'sess_1', user_id: id, user: user(id) })],
  [
    'organizationMembership.created',
    (id) => ({
      id: 'orgmem_1',
      role: 'org:admin',
      organization: { id: 'org_1', name: 'Acme', slug: 'acme', created_by: id },
      public_user_data: { user_id: id, identifier: EMAIL, ...NAMES },
    }),
  ],
  ['organizationInvitation.accepted', (id) => ({ id: 'orginv_1', user_id: id, email_address: EMAIL })],
  ['organizationInvitation.created', () => ({ id: 'orginv_1', email_address: EMAIL })],
  ['waitlistEntry.created', () => ({ id: 'wle_1', email_address: EMAIL })],
  [
    'subscription.created',
    (id) => ({ id: 'csub_1', payer: { user_id: id, email: EMAIL, ...NAMES }, items: [] }),
  ],
  [
    'subscription.active',
    () => ({ id: 'csub_2', payer: { organization_id: 'org_1', email: EMAIL, ...NAMES } }),
  ],
  ['paymentAttempt.created', (id) => ({ id: 'pay_1', payer: { user_id: id, email: EMAIL, ...NAMES } })],
  ['email.created', () => ({ id: 'ema_1', to_email_address: EMAIL, body: `Dear ${FIRST_NAME}` })],
];

let count = 0;

async function tell(type: string, data: object): Promise<void> {
  const id = `msg_personal${(count += 1)}`;
  const body = Buffer.from(
    JSON.stringify({ type, data: { updated_at: SENT_MS, ...data }, timestamp: SENT_MS }),
  );
  await inbox.store(parseWebhookDelivery(body, { id, timestampMs: SENT_MS }));
}

async function applyAll(): Promise<void> {
  const apply = async (...[delivery, mirror]: Parameters<Parameters<typeof inbox.drainOne>[0]>) =>
    (await applyDelivery(delivery, mirror)).result;
  while ((await inbox.drainOne(apply)).outcome === 'handled');
}

/** In which columns of all tables, of whatever type, something of the person stands. */
async function placesWithPersonalData(): Promise<readonly string[]> {
  const columns = await prisma.$queryRawUnsafe<{ table: string; column: string }[]>(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const places = columns.map(async ({ table, column }) => {
    const [found] = await prisma.$queryRawUnsafe<{ n: number }[]>(
      `SELECT count(*)::int AS n FROM "${table}" WHERE "${column}"::text ILIKE ANY ($1::text[])`,
      PERSONAL.map((text) => `%${text}%`),
    );
    return found?.n === 0 ? [] : [`${table}.${column}`];
  });
  return (await Promise.all(places)).flat().toSorted();
}

it('holds nothing of a deleted person, in any column of any table, told before or after the deletion', async () => {
  const userId = 'user_personal';
  for (const [type, dataOf] of EVENTS) await tell(type, dataOf(userId));
  await applyAll();
  // The search finds what is there: of a person who is not deleted a name is kept.
  expect(await placesWithPersonalData()).toEqual(
    expect.arrayContaining([
      'clerk_webhook_events.payload',
      'users.email',
      'users.first_name',
      'users.metadata',
    ]),
  );

  await tell('user.deleted', { id: userId, deleted: true });
  await applyAll();
  expect(await placesWithPersonalData()).toEqual([]);

  for (const [type, dataOf] of EVENTS) await tell(type, dataOf(userId));
  await applyAll();
  expect(await placesWithPersonalData()).toEqual([]);
});

it('wipes what waits of a person at the deletion, before it is applied', async () => {
  const userId = 'user_waiting';
  await tell('user.deleted', { id: userId, deleted: true });
  for (const [type, dataOf] of EVENTS.filter(([, dataOf]) => JSON.stringify(dataOf('mark')).includes('mark')))
    await tell(type, dataOf(userId));
  const [deletion] = await inbox.claim('fresh', 1);
  expect(deletion?.delivery.type).toBe('user.deleted');
  if (deletion !== undefined)
    await inbox.handle(deletion, async (delivery, mirror) => (await applyDelivery(delivery, mirror)).result);
  expect(await placesWithPersonalData()).toEqual([]);
});

/** As if the time until the next attempt had passed. */
const due = () => prisma.clerkWebhookEvent.updateMany({ data: { nextAttemptAt: new Date(0) } });

it.each<[string, Error]>([
  ['fails', new TypeError('failed')],
  ['is stopped by an outage', new ClerkError('CLERK_UNAVAILABLE', 'Clerk is down.')],
])(
  'holds nothing of a webhook that comes after the deletion and %s, and hands none of it over',
  async (_how, cause) => {
    const userId = `user_late${(count += 1)}`;
    await tell('user.deleted', { id: userId, deleted: true });
    await applyAll();
    await tell('session.created', { id: 'sess_2', user_id: userId, user: user(userId) });
    const payloads: unknown[] = [];
    const step = await inbox.drainOne(({ payload }) => {
      payloads.push(payload);
      return Promise.reject(cause);
    });
    expect(step).toMatchObject({ cause });
    expect(payloads).toEqual([null]);
    expect(await placesWithPersonalData()).toEqual([]);
    await due();
    await applyAll();
  },
);

it.each(['organizationInvitation.created', 'organizationInvitation.revoked', 'waitlistEntry.created'])(
  'holds nothing of a %s that is given up: it names a person without the id that a deletion has',
  async (type) => {
    await tell(type, { id: 'orginv_2', email_address: EMAIL });
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      expect(await inbox.drainOne(() => Promise.reject(new TypeError('failed')))).toMatchObject({
        attempts: attempt,
      });
      await due();
    }
    expect(await placesWithPersonalData()).toEqual([]);
  },
);
