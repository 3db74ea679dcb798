import { useAuth } from '@clerk/react';
import { type ReactElement, useState } from 'react';

import { type ListedWebhook, playgroundApi } from './playground-api.js';
import { type Attempts, useAttempts } from './use-attempts.js';
import { useWebhooks } from './use-webhooks.js';

export function WebhooksPanel(): ReactElement {
  const { webhooks, seenAtMs, isLost } = useWebhooks();
  const { said, attempt } = useAttempts();
  const [isDeadOnly, setDeadOnly] = useState(false);
  const dead = webhooks.filter(isDead);
  return (
    <section aria-labelledby="webhooks" className="wide">
      <h2 id="webhooks">Webhooks</h2>
      <div role="group" aria-label="Webhooks">
        <SendFailing attempt={attempt} />
        <label>
          <input
            type="checkbox"
            checked={isDeadOnly}
            onChange={(event) => setDeadOnly(event.target.checked)}
          />
          Dead letters only
        </label>
      </div>
      <p role="status">
        {isLost ? 'The service does not answer.' : `Dead letters: ${dead.length}.`} {said}
      </p>
      <WebhooksTable
        webhooks={isDeadOnly ? dead : webhooks}
        seenAtMs={seenAtMs}
        onReplay={(id) => void attempt(playgroundApi.replay(id), 'It was sent again.')}
      />
    </section>
  );
}

function SendFailing({ attempt }: Pick<Attempts, 'attempt'>): ReactElement {
  const { userId } = useAuth();
  const send = () =>
    userId && void attempt(playgroundApi.sendFailing(userId), 'A webhook that fails was sent.');
  return (
    <button type="button" disabled={!userId} onClick={send}>
      Send one that fails
    </button>
  );
}

interface WebhooksTableProps {
  readonly webhooks: readonly ListedWebhook[];
  readonly seenAtMs: number;
  readonly onReplay: (id: string) => void;
}

function WebhooksTable({ webhooks, seenAtMs, onReplay }: WebhooksTableProps): ReactElement {
  return (
    <div className="scroll" role="region" aria-label="List of webhooks" tabIndex={0}>
      <table>
        <caption>The last 50, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Age</th>
            <th scope="col">Delivered</th>
            <th scope="col">Status</th>
            <th scope="col">Attempts</th>
            <th scope="col">Action</th>
          </tr>
        </thead>
        <tbody>
          {webhooks.map((webhook) => (
            <WebhookRow key={webhook.id} webhook={webhook} seenAtMs={seenAtMs} onReplay={onReplay} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface WebhookRowProps extends Omit<WebhooksTableProps, 'webhooks'> {
  readonly webhook: ListedWebhook;
}

function WebhookRow({ webhook, seenAtMs, onReplay }: WebhookRowProps): ReactElement {
  const { id, type, sent_at_ms: sentAtMs, deliveries, inbox } = webhook;
  return (
    <tr className={isDead(webhook) ? 'dead' : ''}>
      <th scope="row">{type}</th>
      <td>{ageOf(seenAtMs - sentAtMs)}</td>
      <td>{deliveries.map((status) => status ?? 'no answer').join(', ')}</td>
      <td>
        {inbox?.status ?? 'on its way'} {inbox?.last_error && <small>{inbox.last_error}</small>}
      </td>
      <td>{inbox?.attempts ?? 0}</td>
      <td>
        <button type="button" aria-label={`Replay ${type}, ${id}`} onClick={() => onReplay(id)}>
          Replay
        </button>
      </td>
    </tr>
  );
}

function isDead({ inbox }: ListedWebhook): boolean {
  return inbox?.status === 'dead';
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}
