import { GroupCommit } from './group-commit.js';
import { BROKER_ANSWER_MS, brokerAnswer, type KafkaMessage } from './kafka-connection.js';
import { toKafkaMessage } from './kafka-message.js';
import type { KafkaPublisher } from './kafka-publisher.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import {
  type ApplyDelivery,
  type Claim,
  type ClaimKind,
  type HandleStep,
  type PruneBounds,
  type WebhookBacklog,
  WebhookInbox,
} from './webhook-inbox.js';

export interface KafkaWebhookInboxParts {
  readonly publisher: Pick<KafkaPublisher, 'publish' | 'requireBroker'>;
  readonly topic: string;
  /** Name of the registration. */
  readonly registration: string;
  /** Where a consumer puts what is stored here. */
  readonly inbox: WebhookInbox;
}

/** An inbox behind a topic: what is stored is in Kafka, and comes into the inbox in its own time. The rest is the inbox's. */
export class KafkaWebhookInbox extends WebhookInbox {
  readonly #group: GroupCommit<KafkaMessage, 'stored'>;

  constructor(private readonly parts: KafkaWebhookInboxParts) {
    super();
    const { publisher, topic } = parts;
    this.#group = new GroupCommit({
      write: async (messages) => {
        await publisher.publish(topic, messages);
        return messages.map(() => 'stored' as const);
      },
      patienceMs: BROKER_ANSWER_MS,
    });
  }

  /** Resolves when the brokers have it; a repeated one is told from a new one in the inbox only. @throws ClerkError BROKER_UNAVAILABLE within 5 s */
  async store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    const message = toKafkaMessage(delivery, this.parts.registration);
    // The wait for the messages before counts as well.
    return brokerAnswer(this.#group.add(message, message.value?.length ?? 0));
  }

  requireStorage(): Promise<void> {
    return this.parts.publisher.requireBroker();
  }

  claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]> {
    return this.parts.inbox.claim(kind, countMax);
  }

  handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    return this.parts.inbox.handle(claim, apply);
  }

  release(claims: readonly Claim[]): Promise<void> {
    return this.parts.inbox.release(claims);
  }

  prune(bounds: PruneBounds): Promise<number> {
    return this.parts.inbox.prune(bounds);
  }

  backlog(): Promise<WebhookBacklog> {
    return this.parts.inbox.backlog();
  }
}
