import { NotFoundException } from '@nestjs/common';

/** The same for one that never was and for somebody else's: nobody learns who speaks of what. */
export function conversationNotFound(): NotFoundException {
  return new NotFoundException({
    code: 'CONVERSATION_NOT_FOUND',
    message: 'There is no such conversation of this user.',
  });
}
