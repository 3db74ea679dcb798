import { Module } from '@nestjs/common';

import { UserAccess } from './user-access.js';
import { UsersController } from './users.controller.js';

@Module({ controllers: [UsersController], providers: [UserAccess], exports: [UserAccess] })
export class UsersModule {}
