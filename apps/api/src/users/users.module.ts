import { Module } from '@nestjs/common';

import { RatingsModule } from '../ratings/ratings.module.js';
import { UserAccess } from './user-access.js';
import { UserResponses } from './user-responses.js';
import { UsersController } from './users.controller.js';

@Module({
  imports: [RatingsModule],
  controllers: [UsersController],
  providers: [UserAccess, UserResponses],
  exports: [UserAccess],
})
export class UsersModule {}
