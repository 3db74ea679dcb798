import { type ChatQuestion, ChatResponder } from './chat-responder.js';

/** A small responder that needs no model: the same question in the same context always has the same answer. */
export class EmbeddedChatResponder extends ChatResponder {
  async *answer(question: ChatQuestion, signal: AbortSignal): AsyncIterable<string> {
    for (const piece of answerTo(question).split(/(?<=\s)/)) {
      if (signal.aborted) return;
      yield piece;
    }
  }
}

function answerTo({ message, name, tier, history }: ChatQuestion): string {
  const last = history.findLast(({ role }) => role === 'user');
  const greeting = `Hello ${name ?? 'there'}, you are on the ${tier} tier.`;
  const memory =
    last === undefined ? 'We have not spoken before.' : `Before, you said: ${quoted(last.content)}.`;
  return `${greeting} ${memory} Now you say: ${quoted(message)}.`;
}

function quoted(text: string): string {
  return `“${text.length > 80 ? `${text.slice(0, 79)}…` : text}”`;
}
