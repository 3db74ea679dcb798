import { Agent, request } from 'node:http';

import { signatureHeaders } from 'clerk-sandbox';

import type { ChaosMessage } from './chaos-history.js';
import type { SeededRandom } from './chaos-random.js';

export interface ChaosEndpoint {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
}

export interface ChaosDelivery {
  readonly message: ChaosMessage;
  readonly endpoint: ChaosEndpoint;
}

/** One attempt, and where in it the client goes away. */
interface Attempt extends ChaosDelivery {
  readonly abort: 'never' | 'in the body' | 'before the answer';
  readonly headers: Readonly<Record<string, string>>;
}

/** As with Svix. */
const ATTEMPT_MS_MAX = 15_000;
const ABORT_SHARE = 0.2;
const RETRY_MS_MAX = 400;
const ATTEMPTS_MAX = 400;

/** Brings webhooks as Svix does, over bad lines: again and again until a 204, each time freshly signed. */
export class ChaosCourier {
  /** Ids of those that were answered with 204. */
  readonly acknowledged = new Set<string>();
  answers = 0;
  refusals = 0;
  aborts = 0;
  sends = 0;
  private isClosed = false;
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly random: SeededRandom) {}

  /** Resolves when the delivery was acknowledged. @throws Error when it is refused, never taken, or the courier is closed */
  async deliver(delivery: ChaosDelivery): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !this.isClosed; attempt += 1) {
      const status = await this.send({ ...delivery, abort: this.rollAbort(), headers: this.sign(delivery) });
      if (status === 204) {
        this.acknowledged.add(delivery.message.id);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, this.random.next() * RETRY_MS_MAX));
    }
    throw new Error(`${delivery.message.id} was not taken.`);
  }

  /** Idempotent. */
  close(): void {
    this.isClosed = true;
    this.agent.destroy();
  }

  private rollAbort(): Attempt['abort'] {
    if (!this.random.isHit(ABORT_SHARE)) return 'never';
    return this.random.isHit(0.5) ? 'in the body' : 'before the answer';
  }

  private sign({ message, endpoint }: ChaosDelivery): Record<string, string> {
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const signed = signatureHeaders(
      { id: message.id, timestampSeconds, body: message.body },
      endpoint.secret,
    );
    if (this.random.isHit(0.5)) return signed;
    return Object.fromEntries(
      Object.entries(signed).map(([name, value]) => [name.replace('svix-', 'webhook-'), value]),
    );
  }

  /** The status of the answer; null where there is none. */
  private async send(attempt: Attempt): Promise<number | null> {
    this.sends += 1;
    const status = await post(attempt, this.agent);
    if (attempt.abort !== 'never') this.aborts += 1;
    if (status === null) return null;
    this.answers += 1;
    if (status === 503) this.refusals += 1;
    if (status !== 204 && status !== 503)
      throw new Error(
        `${attempt.message.id} was answered with ${status}, for which nothing here gives reason.`,
      );
    return status;
  }
}

function post({ message, endpoint, abort, headers }: Attempt, agent: Agent): Promise<number | null> {
  const body = Buffer.from(message.body);
  const signal = AbortSignal.timeout(ATTEMPT_MS_MAX);
  return new Promise((resolve) => {
    const sent = request(endpoint.url, {
      agent,
      method: 'POST',
      signal,
      headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length },
    });
    // No connection, or a broken one: there is no answer, and it is tried again.
    sent.once('error', () => resolve(null));
    sent.once('close', () => resolve(null));
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? null);
    });
    if (abort === 'never') sent.end(body);
    else if (abort === 'in the body') sent.write(body.subarray(0, body.length / 2), () => sent.destroy());
    else sent.end(body, () => sent.destroy());
  });
}
