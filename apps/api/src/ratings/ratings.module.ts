import { Module } from '@nestjs/common';

import { RatingRetention } from './rating-retention.js';
import { RatingsController } from './ratings.controller.js';
import { RatingsService } from './ratings.service.js';

@Module({
  controllers: [RatingsController],
  providers: [RatingsService, RatingRetention],
  exports: [RatingsService],
})
export class RatingsModule {}
