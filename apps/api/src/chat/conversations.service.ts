import { Injectable } from '@nestjs/common';

import { pageArguments, pageOf, type PageQuery } from '../database/page.js';
import { PrismaService } from '../database/prisma.service.js';
import { type RowOwner, withAuth } from '../database/with-auth.js';
import { conversationNotFound } from './conversation-not-found.js';

/** What a user may read again. */
@Injectable()
export class ConversationsService {
  constructor(private readonly prisma: PrismaService) {}

  /** The newest first. */
  async list(owner: RowOwner, page: PageQuery) {
    const own = this.prisma.$extends(withAuth(owner));
    return pageOf(await own.conversation.findMany(pageArguments(page, { clerkUserId: owner.userId })), page);
  }

  /** A conversation and its messages, the newest first. @throws NotFoundException CONVERSATION_NOT_FOUND, for somebody else's too */
  async read(owner: RowOwner, { id, page }: { readonly id: string; readonly page: PageQuery }) {
    const own = this.prisma.$extends(withAuth(owner));
    return own.$transaction(async (transaction) => {
      const conversation = await transaction.conversation.findUnique({
        where: { id, clerkUserId: owner.userId },
      });
      if (conversation === null) throw conversationNotFound();
      const rows = await transaction.chatMessage.findMany(pageArguments(page, { conversationId: id }));
      return { conversation, ...pageOf(rows, page) };
    });
  }
}
