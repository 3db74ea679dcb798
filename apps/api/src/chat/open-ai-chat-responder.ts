import { ServiceUnavailableException } from '@nestjs/common';
import OpenAI from 'openai';

import { type ChatQuestion, ChatResponder } from './chat-responder.js';

const ANSWER_MS_MAX = 60_000;

/** Any endpoint that speaks OpenAI's chat completions. https://platform.openai.com/docs/api-reference/chat */
export class OpenAiChatResponder extends ChatResponder {
  readonly #client: OpenAI;
  readonly #model: string;

  constructor(options: { readonly url: string; readonly key: string; readonly model: string }) {
    super();
    this.#model = options.model;
    this.#client = new OpenAI({
      baseURL: options.url,
      apiKey: options.key,
      timeout: ANSWER_MS_MAX,
      maxRetries: 1,
    });
  }

  async *answer(question: ChatQuestion, signal: AbortSignal): AsyncIterable<string> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    let isFinished = false;
    try {
      const stream = await this.#client.chat.completions.create(
        { model: this.#model, stream: true, messages: messagesOf(question) },
        { signal: limit },
      );
      for await (const chunk of stream) {
        const [choice] = chunk.choices;
        if (choice?.delta.content) yield choice.delta.content;
        isFinished ||= typeof choice?.finish_reason === 'string';
      }
      // A stream that was cut off ends like any other: only the reason tells.
      if (!isFinished) throw new Error('The answer broke off.');
    } catch (cause) {
      if (signal.aborted) return;
      throw new ServiceUnavailableException(
        {
          code: 'CHAT_UNAVAILABLE',
          message: 'The model that answers cannot be reached now. Try again later.',
        },
        { cause },
      );
    }
  }
}

function messagesOf({ message, name, tier, history }: ChatQuestion): OpenAI.ChatCompletionMessageParam[] {
  const user = name === null ? 'The user has not told a name.' : `The user is called ${name}.`;
  return [
    { role: 'system', content: `${user} The user is on the ${tier} tier. Answer briefly.` },
    ...history,
    { role: 'user', content: message },
  ];
}
