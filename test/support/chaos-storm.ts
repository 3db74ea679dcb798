import { createWebhookSecret } from 'clerk-sandbox';

import { ChaosCourier, type ChaosDelivery, type ChaosEndpoint } from './chaos-courier.js';
import { type ChaosOutcome, drain, prepareDatabase, readOutcome } from './chaos-database.js';
import { ChaosFleet, poll } from './chaos-fleet.js';
import { type ChaosMessage, writeHistory } from './chaos-history.js';
import { judge, type Verdict } from './chaos-model.js';
import type { SeededRandom } from './chaos-random.js';
import type { PostgresServer } from './postgres-server.js';

export interface StormOptions {
  readonly server: PostgresServer;
  readonly database: string;
  readonly random: SeededRandom;
  readonly userCount: number;
  readonly kills: number;
  /** Processes that stand still for a while. */
  readonly freezes: number;
  /** Crashes of the database. */
  readonly stops: number;
  /** `early`: the processes answer before they have stored. */
  readonly answer: 'after commit' | 'early';
}

export interface StormReport extends Verdict {
  readonly deaths: readonly string[];
  readonly counts: {
    readonly messages: number;
    readonly sends: number;
    readonly aborts: number;
    readonly refusals: number;
    readonly kills: number;
    readonly freezes: number;
    readonly acknowledged: number;
    readonly effects: number;
    /** Webhooks that were begun more than once before they were done. */
    readonly retried: number;
  };
}

const INSTANCE_ID = 'ins_chaos';
const PROCESSES = 3;
const PARALLEL_SENDS = 24;
const REPLAYED_SHARE = 0.1;
const LATE_REPLAYS = 40;
const ANSWERS_IN_OUTAGE = 10;
const WAIT_MS_MAX = 120_000;

/** A storm on a new database, and what is found when it is over. */
export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { server, database, random, userCount } = options;
  const url = await server.createDatabase(database);
  await prepareDatabase(url);
  const secrets = [createWebhookSecret(), createWebhookSecret()];
  const fleet = await ChaosFleet.start(PROCESSES, environmentOf(url, secrets, options));
  const courier = new ChaosCourier(random);
  try {
    const messages = writeHistory({
      random,
      userCount,
      organizationCount: Math.ceil(userCount / 10),
      membershipCount: Math.ceil(userCount / 4),
      instanceId: INSTANCE_ID,
    });
    // The third has no endpoint: it only applies what the others have stored.
    const endpoints = secrets.map((secret, index) => ({ url: fleet.urlOf(index), secret }));
    await send(deliveriesOf(messages, endpoints, random), faultsOf(options, fleet, courier), courier);
    await fleet.allReady();
    const late = random.shuffle(messages).slice(0, LATE_REPLAYS);
    for (const message of late) await courier.deliver({ message, endpoint: random.pick(endpoints) });
    await drain(url);
    const outcome = await readOutcome(url);
    return report(messages, outcome, { courier, fleet });
  } finally {
    courier.close();
    await fleet.stop();
  }
}

function environmentOf(
  url: string,
  secrets: readonly string[],
  { answer }: StormOptions,
): Readonly<Record<string, string>> {
  return {
    NODE_ENV: 'test',
    DATABASE_URL: url,
    CLERK_WEBHOOK_SECRET: secrets.join(','),
    CLERK_INSTANCE_ID: INSTANCE_ID,
    // Nobody is asked: no request needs Clerk here.
    CLERK_SECRET_KEY: 'sk_test_chaos',
    CLERK_API_URL: 'http://127.0.0.1:9',
    ...(answer === 'early' ? { CHAOS_ANSWER: 'early' } : {}),
  };
}

/** Half of the messages come by both endpoints, as while a secret is rotated; some come again; all in any order. */
function deliveriesOf(
  messages: readonly ChaosMessage[],
  endpoints: readonly ChaosEndpoint[],
  random: SeededRandom,
): readonly ChaosDelivery[] {
  const deliveries = messages.flatMap((message) => {
    const [one] = random.shuffle(endpoints);
    const ways = one === undefined || random.isHit(0.5) ? endpoints : [one];
    const replays = random.isHit(REPLAYED_SHARE) ? [random.pick(endpoints)] : [];
    return [...ways, ...replays].map((endpoint) => ({ message, endpoint }));
  });
  return random.shuffle(deliveries);
}

/** What goes wrong, once what it takes is there. */
interface Fault {
  readonly prepare: () => Promise<void>;
  /** `goOn` lets more deliveries begin, once: for what has to be seen while it lasts. */
  readonly strike: (goOn: () => void) => Promise<void>;
}

/** Kills, with the others spread among them. */
function faultsOf(
  { server, random, kills, freezes, stops }: StormOptions,
  fleet: ChaosFleet,
  courier: ChaosCourier,
): readonly Fault[] {
  const kill: Fault = { prepare: () => fleet.anyReady(), strike: () => fleet.killOne(random) };
  const freeze: Fault = { prepare: () => fleet.anyReady(), strike: () => fleet.freezeOne(random) };
  const stop: Fault = {
    // What is down then would not come up before the database does.
    prepare: () => fleet.allReady(),
    strike: async (goOn) => {
      await server.stopImmediately();
      const enough = courier.answers + ANSWERS_IN_OUTAGE;
      goOn();
      await poll(() => courier.answers >= enough, 'nobody answered while the database was down');
      await server.start();
    },
  };
  const faults = Array.from({ length: kills }, () => kill);
  const rarer = [
    ...Array.from({ length: freezes }, () => freeze),
    ...Array.from({ length: stops }, () => stop),
  ];
  for (const [index, fault] of rarer.entries()) {
    faults.splice(Math.round(((index + 1) * faults.length) / (rarer.length + 1)), 0, fault);
  }
  return faults;
}

/** Each fault strikes in the middle of its share of the deliveries; the next share has to wait for it. */
async function send(
  deliveries: readonly ChaosDelivery[],
  faults: readonly Fault[],
  courier: ChaosCourier,
): Promise<void> {
  // Two for each fault: one that it strikes in, and one that comes while it lasts or right after.
  const share = deliveries.length / faults.length / 2;
  const progress = { begun: 0, done: 0, open: 0 };
  const work = async () => {
    for (;;) {
      const place = progress.begun;
      const delivery = deliveries[place];
      if (delivery === undefined) return;
      progress.begun += 1;
      await poll(() => place < progress.open, 'a fault has not come about', WAIT_MS_MAX);
      await courier.deliver(delivery);
      progress.done += 1;
    }
  };
  const disturb = async () => {
    for (const { prepare, strike } of faults) {
      await prepare();
      const enough = progress.open + share / 4;
      progress.open += share;
      await poll(() => progress.done >= enough, 'the webhooks do not get through', WAIT_MS_MAX);
      let isMoreOpen = false;
      const goOn = () => {
        if (!isMoreOpen) progress.open += share;
        isMoreOpen = true;
      };
      await strike(goOn);
      goOn();
    }
  };
  await Promise.all([...Array.from({ length: PARALLEL_SENDS }, work), disturb()]);
}

function report(
  messages: readonly ChaosMessage[],
  outcome: ChaosOutcome,
  { courier, fleet }: { readonly courier: ChaosCourier; readonly fleet: ChaosFleet },
): StormReport {
  const { sends, aborts, refusals, acknowledged } = courier;
  return {
    ...judge(messages, acknowledged, outcome),
    deaths: fleet.deaths,
    counts: {
      messages: messages.length,
      sends,
      aborts,
      refusals,
      kills: fleet.kills,
      freezes: fleet.freezes,
      acknowledged: acknowledged.size,
      effects: outcome.effects.length,
      retried: outcome.retried,
    },
  };
}
