import { useAuth } from '@clerk/react';
import { type FormEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react';
import { type ChatMessage, type RateBudget, useOceanChat, type UseOceanChat } from 'nest-clerk-react';

export function ChatPanel(): ReactElement {
  const { isSignedIn } = useAuth();
  const chat = useOceanChat();
  return (
    <section aria-labelledby="chat">
      <h2 id="chat">Chat</h2>
      <Log chat={chat} />
      <p role="status">{stateOf(chat)}</p>
      {chat.retryAfterSeconds > 0 && (
        <p role="timer" className="countdown">
          {chat.retryAfterSeconds} s
        </p>
      )}
      <SendForm chat={chat} isSignedIn={isSignedIn ?? false} />
      <Budgets budgets={chat.budgets} />
    </section>
  );
}

/** Keeps the newest in sight. */
function Log({ chat }: { chat: UseOceanChat }): ReactElement {
  const list = useRef<HTMLOListElement>(null);
  const { messages, isLoading, sendMessage } = chat;
  useEffect(() => {
    // Chromium's scrollTo returns a promise, which is nothing that an effect may return.
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages]);
  return (
    <ol ref={list} role="log" aria-label="Messages" aria-busy={isLoading} tabIndex={0}>
      {messages.map((message) => (
        <Message key={message.id} message={message} onRetry={() => void sendMessage(message)} />
      ))}
    </ol>
  );
}

/** Said once, while the seconds beside it change. */
function stateOf({ error, isLoading, retryAfterSeconds }: UseOceanChat): string {
  if (isLoading)
    return retryAfterSeconds > 0 ? 'The rate limit is reached (429): the message waits.' : 'Answering …';
  return error === null ? '' : `Not answered: ${error.code}.`;
}

function Message({ message, onRetry }: { message: ChatMessage; onRetry: () => void }): ReactElement {
  const { role, content, status } = message;
  return (
    <li className={role}>
      <strong>{role === 'user' ? 'You' : 'Service'}</strong> {content}{' '}
      {status !== 'sent' && status !== 'complete' && <em>{status}</em>}{' '}
      {status === 'failed' && (
        <button type="button" onClick={onRetry}>
          Send again
        </button>
      )}
    </li>
  );
}

function SendForm({ chat, isSignedIn }: { chat: UseOceanChat; isSignedIn: boolean }): ReactElement {
  const field = useId();
  const [text, setText] = useState('');
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '' || chat.isLoading) return;
    void chat.sendMessage(text);
    setText('');
  };
  return (
    <form onSubmit={send}>
      <label htmlFor={field}>Message</label>
      <input
        id={field}
        value={text}
        maxLength={4_000}
        autoComplete="off"
        disabled={!isSignedIn}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" disabled={!isSignedIn || chat.isLoading}>
        Send
      </button>
      <button type="button" disabled={!chat.isLoading} onClick={chat.stop}>
        Stop
      </button>
    </form>
  );
}

function Budgets({ budgets }: { budgets: readonly RateBudget[] }): ReactElement {
  return (
    <div className="budgets">
      {budgets.length === 0 && <p>What is left of the tier’s rate limit shows after the first message.</p>}
      {budgets.map((budget) => (
        <Budget key={budget.name} budget={budget} />
      ))}
    </div>
  );
}

/** As the last answer said, until its window ends: then all of it is there again. */
function Budget({ budget }: { budget: RateBudget }): ReactElement {
  const [ended, setEnded] = useState<RateBudget | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setEnded(budget), budget.resetSeconds * 1_000);
    return () => clearTimeout(timer);
  }, [budget]);
  const { name, quota } = budget;
  const left = ended === budget ? quota : budget.left;
  return (
    <label>
      {name}: {left} of {quota} left
      <meter min={0} max={quota} low={quota * 0.3} optimum={quota} value={left} />
    </label>
  );
}
