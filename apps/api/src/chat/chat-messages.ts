import { Injectable } from '@nestjs/common';

import { PrismaService } from '../database/prisma.service.js';
import type { ChatTurn } from './chat-responder.js';

/** How far back an answer looks. */
const TURNS_MAX = 20;

// $1 our id of the user
// Guarantees: whoever deletes the user waits for this turn, and then finds it; or was first, and there is no such user.
const LOCK_LIVE_USER = 'SELECT 1 FROM users WHERE id = $1::uuid AND deleted_at IS NULL FOR SHARE';

/** What was said, in the database. `userId` is our own id. */
@Injectable()
export class ChatMessages {
  constructor(private readonly prisma: PrismaService) {}

  /** The last 20 turns, oldest first. */
  async recent(userId: string): Promise<ChatTurn[]> {
    const rows = await this.prisma.chatMessage.findMany({
      where: { userId },
      orderBy: [{ createdAt: 'desc' }, { role: 'asc' }],
      take: TURNS_MAX,
    });
    return rows
      .toReversed()
      .map(({ role, content }) => ({ role: role === 'user' ? 'user' : 'assistant', content }));
  }

  /** Keeps a question and its answer, both or none; none of a user who was deleted meanwhile. */
  async keep(userId: string, turn: { readonly question: string; readonly answer: string }): Promise<void> {
    const askedAt = new Date();
    await this.prisma.$transaction(async (transaction) => {
      const live = await transaction.$queryRawUnsafe<unknown[]>(LOCK_LIVE_USER, userId);
      if (live.length === 0) return;
      await transaction.chatMessage.createMany({
        data: [
          { userId, role: 'user', content: turn.question, createdAt: askedAt },
          // A millisecond apart, so that the two stay in order.
          { userId, role: 'assistant', content: turn.answer, createdAt: new Date(askedAt.getTime() + 1) },
        ],
      });
    });
  }
}
