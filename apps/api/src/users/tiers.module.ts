import { Global, Module } from '@nestjs/common';

import { TierLookup } from './tier-lookup.js';

@Global()
@Module({ providers: [TierLookup], exports: [TierLookup] })
export class TiersModule {}
