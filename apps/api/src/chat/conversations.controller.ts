import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AcceptTokens, CurrentUser, type MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import { type PageQuery, pageQuerySchema } from '../database/page.js';
import { ConversationsService } from './conversations.service.js';

const conversationIdSchema = z.uuid('must be the id of a conversation');
const conversation = z.object({
  id: z.uuid(),
  title: z.string(),
  created_at: z.iso.datetime(),
});
const listed = z.object({ conversations: z.array(conversation), next_cursor: z.string().nullable() });
const message = z.object({
  id: z.uuid(),
  role: z.enum(['user', 'assistant']),
  content: z.string(),
  created_at: z.iso.datetime(),
});
const opened = z.object({
  conversation,
  messages: z.array(message),
  next_cursor: z.string().nullable(),
});

@ApiTags('chat')
@ApiBearerAuth()
@AcceptTokens('session_token', 'api_key')
@Controller('api/v1/chat/conversations')
export class ConversationsController {
  constructor(private readonly conversations: ConversationsService) {}

  @Get()
  @ApiOperation({ summary: 'The conversations of the signed-in user, the newest first' })
  @ApiResponse({ status: 200, standardSchema: listed })
  async list(
    @Query({ schema: pageQuerySchema }) page: PageQuery,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof listed>> {
    const { rows, nextCursor } = await this.conversations.list({ userId: user.clerkId }, page);
    return { conversations: rows.map(conversationResponse), next_cursor: nextCursor };
  }

  @Get(':id')
  @ApiOperation({ summary: 'A conversation of the signed-in user, with its messages, the newest first' })
  @ApiResponse({ status: 200, standardSchema: opened })
  async read(
    @Param('id', { schema: conversationIdSchema }) id: string,
    @Query({ schema: pageQuerySchema }) page: PageQuery,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof opened>> {
    const found = await this.conversations.read({ userId: user.clerkId }, { id, page });
    return {
      conversation: conversationResponse(found.conversation),
      messages: found.rows.map(messageResponse),
      next_cursor: found.nextCursor,
    };
  }
}

function conversationResponse(row: { id: string; title: string; createdAt: Date }) {
  return { id: row.id, title: row.title, created_at: row.createdAt.toISOString() };
}

function messageResponse(row: { id: string; role: string; content: string; createdAt: Date }) {
  const role = row.role === 'user' ? ('user' as const) : ('assistant' as const);
  return { id: row.id, role, content: row.content, created_at: row.createdAt.toISOString() };
}
