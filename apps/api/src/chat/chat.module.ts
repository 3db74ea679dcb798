import { type DynamicModule, Module } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { UsersModule } from '../users/users.module.js';
import { ChatMessages } from './chat-messages.js';
import { ChatRetention } from './chat-retention.js';
import { ChatResponder } from './chat-responder.js';
import { ChatSpeakers } from './chat-speakers.js';
import { ChatController } from './chat.controller.js';
import { ChatService } from './chat.service.js';
import { ConversationsController } from './conversations.controller.js';
import { ConversationsService } from './conversations.service.js';
import { EmbeddedChatResponder } from './embedded-chat-responder.js';
import { OpenAiChatResponder } from './open-ai-chat-responder.js';

@Module({})
export class ChatModule {
  static register({ chatApi }: Environment): DynamicModule {
    const responder = chatApi === null ? new EmbeddedChatResponder() : new OpenAiChatResponder(chatApi);
    return {
      module: ChatModule,
      imports: [UsersModule],
      controllers: [ChatController, ConversationsController],
      providers: [
        ChatService,
        ChatMessages,
        ChatRetention,
        ChatSpeakers,
        ConversationsService,
        { provide: ChatResponder, useValue: responder },
      ],
    };
  }
}
