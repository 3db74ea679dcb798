import { randomUUID } from 'node:crypto';

import type { PrismaService } from '../../apps/api/src/database/prisma.service.js';

/** Somebody new in the mirror, without a webhook: for services that are called directly. */
export async function createMirroredUser(prisma: PrismaService) {
  const now = new Date();
  const row = await prisma.user.create({
    data: {
      clerkId: `user_${randomUUID().replaceAll('-', '')}`,
      firstName: 'Ada',
      isActive: true,
      createdAt: now,
      updatedAt: now,
      sourceUpdatedAtMs: 1n,
      sourceTimestampMs: 1n,
      sourceDeliveryId: 'msg_1',
    },
  });
  return { ...row, metadata: {} };
}
