import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

export interface RequestOfUser {
  userId?: string;
  user?: { readonly userId: string };
}

/** How a Nest handler learns who calls, where the library brings no decorator of its own. */
export const UserId = createParamDecorator((_data: undefined, context: ExecutionContext): string => {
  const request = context.switchToHttp().getRequest<RequestOfUser>();
  return request.userId ?? request.user?.userId ?? '';
});
