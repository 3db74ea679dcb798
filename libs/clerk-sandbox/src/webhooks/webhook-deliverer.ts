import { createId } from '../ids.js';
import { attemptDelivery, type AttemptResult } from './webhook-attempt.js';
import { nextDelaySeconds } from './retry-schedule.js';
import { createWebhookSecret } from './webhook-signature.js';

/** A receiver that fails for this long is switched off, seconds. https://docs.svix.com/retries */
const DISABLE_AFTER_SECONDS = 5 * 86_400;
const PARALLEL_ATTEMPTS = 32;
const MESSAGES_KEPT = 1_000;

export interface WebhookEndpoint {
  readonly id: string;
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  isDisabled: boolean;
  /** When the present run of failures began. Unix time, milliseconds. */
  failingSinceMs: number | null;
}

export interface WebhookAttemptRecord {
  readonly endpointId: string;
  /** Unix time, milliseconds. */
  readonly atMs: number;
  readonly status: number | null;
  readonly outcome: AttemptResult['outcome'];
}

export interface WebhookMessage {
  /** `svix-id`: `msg_…`, the same on every attempt, endpoint and replay. */
  readonly id: string;
  readonly type: string;
  /** Unix time, milliseconds. */
  readonly createdAtMs: number;
  readonly body: string;
  readonly attempts: WebhookAttemptRecord[];
}

/** How webhooks misbehave on demand. */
export interface WebhookFaults {
  /** Each message is sent twice. */
  readonly duplicate?: boolean;
  /** Each first attempt waits, milliseconds. */
  readonly delayMs?: number;
  /** Messages are held until this many are there, and are then sent newest first. */
  readonly reverseEvery?: number;
}

export interface WebhookDelivererOptions {
  readonly now: () => number;
  readonly random: () => number;
  /** Multiplies every delay of the retry schedule: 0.001 turns 5 s into 5 ms. */
  readonly timeScale: number;
  readonly attemptTimeoutMs: number;
}

/** Delivers as Svix does: at least once, in no promised order, with the same id and a fresh signature on every attempt. */
export class WebhookDeliverer {
  faults: WebhookFaults = {};
  private readonly endpointsById = new Map<string, WebhookEndpoint>();
  private readonly messagesById = new Map<string, WebhookMessage>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly waiting: (() => void)[] = [];
  private held: WebhookMessage[] = [];
  private running = 0;
  private pending = 0;
  private isStopped = false;

  constructor(private readonly options: WebhookDelivererOptions) {}

  addEndpoint(url: string, secret = createWebhookSecret()): WebhookEndpoint {
    const id = createId('ep', this.options.now());
    const endpoint = { id, url: new URL(url).href, secret, isDisabled: false, failingSinceMs: null };
    this.endpointsById.set(id, endpoint);
    return endpoint;
  }

  removeEndpoint(id: string): boolean {
    return this.endpointsById.delete(id);
  }

  endpoints(): WebhookEndpoint[] {
    return [...this.endpointsById.values()];
  }

  /** Newest first; the last 1,000. */
  messages(): WebhookMessage[] {
    return [...this.messagesById.values()].toReversed();
  }

  send(type: string, body: string): void {
    const message = {
      id: createId('msg', this.options.now()),
      type,
      createdAtMs: this.options.now(),
      body,
      attempts: [],
    };
    this.messagesById.set(message.id, message);
    const [oldest] = this.messagesById.keys();
    if (this.messagesById.size > MESSAGES_KEPT && oldest !== undefined) this.messagesById.delete(oldest);
    this.held.push(message);
    const { reverseEvery = 1 } = this.faults;
    if (this.held.length >= reverseEvery) this.release();
  }

  /** Sends what the `reverseEvery` fault holds back. */
  release(): void {
    const messages = this.held.toReversed();
    this.held = [];
    const copies = this.faults.duplicate ? 2 : 1;
    for (const message of messages) {
      for (let copy = 0; copy < copies; copy += 1) this.dispatch(message, this.faults.delayMs ?? 0);
    }
  }

  /** Sends a message again to every endpoint, under its old id. False when it is not there any more. */
  replay(messageId: string): boolean {
    const message = this.messagesById.get(messageId);
    if (message !== undefined) this.dispatch(message, 0);
    return message !== undefined;
  }

  /** Resolves when nothing is under way or waiting for a retry. @throws Error when that takes longer than `timeoutMs`. */
  async idle(timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.pending > 0) {
      if (Date.now() > deadline)
        throw new Error(`${this.pending} deliveries are still pending after ${timeoutMs} ms.`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  stop(): void {
    this.isStopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private dispatch(message: WebhookMessage, delayMs: number): void {
    for (const endpoint of this.endpoints()) {
      if (endpoint.isDisabled) continue;
      this.pending += 1;
      this.schedule(delayMs, () => this.attempt(message, endpoint, 1));
    }
  }

  private schedule(delayMs: number, run: () => Promise<void>): void {
    if (this.isStopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void run();
    }, delayMs);
    // A pending retry must not keep a process alive that has nothing else to do.
    timer.unref();
    this.timers.add(timer);
  }

  private async attempt(message: WebhookMessage, endpoint: WebhookEndpoint, number: number): Promise<void> {
    await this.takeSlot();
    const atMs = this.options.now();
    const result = await attemptDelivery({
      url: endpoint.url,
      secret: endpoint.secret,
      messageId: message.id,
      body: message.body,
      nowMs: atMs,
      timeoutMs: this.options.attemptTimeoutMs,
    });
    this.freeSlot();
    message.attempts.push({ endpointId: endpoint.id, atMs, status: result.status, outcome: result.outcome });
    this.judge(endpoint, result);
    const delaySeconds = this.retryDelaySeconds(endpoint, result, number);
    if (delaySeconds === null || this.isStopped) this.pending -= 1;
    else
      this.schedule(delaySeconds * 1000 * this.options.timeScale, () =>
        this.attempt(message, endpoint, number + 1),
      );
  }

  private retryDelaySeconds(endpoint: WebhookEndpoint, result: AttemptResult, number: number): number | null {
    if (result.outcome !== 'failed' || endpoint.isDisabled || !this.endpointsById.has(endpoint.id))
      return null;
    return nextDelaySeconds({ ...result, number, random: this.options.random() });
  }

  private judge(endpoint: WebhookEndpoint, result: AttemptResult): void {
    if (result.outcome === 'delivered') {
      endpoint.failingSinceMs = null;
      return;
    }
    const now = this.options.now();
    endpoint.failingSinceMs ??= now;
    const limitMs = DISABLE_AFTER_SECONDS * 1000 * this.options.timeScale;
    if (result.outcome === 'disabled' || now - endpoint.failingSinceMs >= limitMs) endpoint.isDisabled = true;
  }

  private async takeSlot(): Promise<void> {
    if (this.running >= PARALLEL_ATTEMPTS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running += 1;
  }

  private freeSlot(): void {
    this.running -= 1;
    this.waiting.shift()?.();
  }
}
