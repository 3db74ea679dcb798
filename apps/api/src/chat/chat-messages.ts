import { Injectable } from '@nestjs/common';

import { lockLiveUsers } from '../database/live-users.js';
import { PrismaService } from '../database/prisma.service.js';
import { actAs, withAuth } from '../database/with-auth.js';
import type { ChatTurn } from './chat-responder.js';

/** How far back an answer looks. */
const TURNS_MAX = 20;
/** What is kept of a conversation's first message as its title, characters. */
const TITLE_LENGTH_MAX = 80;
/** What is kept of an answer, characters: the database takes no more. */
const ANSWER_LENGTH_MAX = 100_000;

// $1 Clerk's id of the user
// Guarantees: until the transaction ends, nobody else keeps what this user says.
const LOCK_CHAT = `SELECT pg_advisory_xact_lock(hashtextextended('chat ' || $1, 0))`;
// $1 Clerk's id of the user
// Guarantees, under that lock: what is said now is later than all that was said, whatever clock said when that was.
const NEXT_PLACE = `SELECT last.conversation_id AS "lastConversationId",
  greatest(date_trunc('milliseconds', clock_timestamp()), last.created_at + interval '1 millisecond') AS "askedAt"
FROM (VALUES (1)) AS once LEFT JOIN
  (SELECT created_at, conversation_id FROM chat_messages WHERE clerk_user_id = $1 ORDER BY created_at DESC LIMIT 1) AS last ON true`;

/** A place in a user's chat: a conversation there is, or one that begins with its first answer. */
export interface ChatThread {
  /** Clerk's id of the user. */
  readonly userId: string;
  readonly conversationId: string;
}

export interface KeptTurn {
  readonly question: string;
  /** Of which the first 100,000 characters are kept. */
  readonly answer: string;
  /** Whether nothing was said before: then it goes on with a conversation that began meanwhile. @default false */
  readonly isFirst?: boolean;
}

interface NextPlace {
  readonly askedAt: Date;
  readonly lastConversationId: string | null;
}

/** What was said, in the database: of each user, what row level security lets that user see. */
@Injectable()
export class ChatMessages {
  constructor(private readonly prisma: PrismaService) {}

  /** Whether this conversation is there, and the user's. */
  async has({ userId, conversationId }: ChatThread): Promise<boolean> {
    const own = this.prisma.$extends(withAuth({ userId }));
    return (await own.conversation.count({ where: { id: conversationId, clerkUserId: userId } })) > 0;
  }

  /** The conversation in which something was said last; null before the first. */
  async lastConversationId(userId: string): Promise<string | null> {
    const own = this.prisma.$extends(withAuth({ userId }));
    const last = await own.chatMessage.findFirst({
      where: { clerkUserId: userId },
      orderBy: { createdAt: 'desc' },
      select: { conversationId: true },
    });
    return last?.conversationId ?? null;
  }

  /** The last 20 turns, oldest first. */
  async recent({ userId, conversationId }: ChatThread): Promise<ChatTurn[]> {
    const own = this.prisma.$extends(withAuth({ userId }));
    const rows = await own.chatMessage.findMany({
      where: { conversationId },
      orderBy: [{ createdAt: 'desc' }, { role: 'asc' }],
      take: TURNS_MAX,
    });
    return rows
      .toReversed()
      .map(({ role, content }) => ({ role: role === 'user' ? 'user' : 'assistant', content }));
  }

  /**
   * Keeps a question and its answer, both or none, after all that the user said before; none of a user who was deleted
   * meanwhile. Safe to call concurrently.
   *
   * @returns the conversation that they are in
   */
  async keep(thread: ChatThread, turn: KeptTurn): Promise<string> {
    const { userId } = thread;
    return this.prisma.$transaction(async (transaction) => {
      if (!(await lockLiveUsers(transaction, [userId])).has(userId)) return thread.conversationId;
      await actAs(transaction, { userId });
      await transaction.$executeRawUnsafe(LOCK_CHAT, userId);
      const [place] = await transaction.$queryRawUnsafe<NextPlace[]>(NEXT_PLACE, userId);
      const { askedAt, lastConversationId } = place ?? { askedAt: new Date(), lastConversationId: null };
      const conversationId = (turn.isFirst ? lastConversationId : null) ?? thread.conversationId;
      const said = { clerkUserId: userId, conversationId };
      await transaction.conversation.createMany({
        data: { id: conversationId, clerkUserId: userId, title: titleOf(turn.question), createdAt: askedAt },
        skipDuplicates: true,
      });
      await transaction.chatMessage.createMany({
        data: [
          { ...said, role: 'user', content: turn.question, createdAt: askedAt },
          {
            ...said,
            role: 'assistant',
            content: turn.answer.slice(0, ANSWER_LENGTH_MAX).toWellFormed(),
            // A millisecond apart, so that the two stay in order.
            createdAt: new Date(askedAt.getTime() + 1),
          },
        ],
      });
      return conversationId;
    });
  }
}

/** Whole characters: half of one cannot be stored. */
function titleOf(question: string): string {
  return Array.from(question).slice(0, TITLE_LENGTH_MAX).join('');
}
