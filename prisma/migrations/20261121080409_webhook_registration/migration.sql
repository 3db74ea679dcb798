-- DropIndex
DROP INDEX "clerk_webhook_events_status_next_attempt_at_id_idx";

-- AlterTable
ALTER TABLE "clerk_webhook_events" ADD COLUMN     "registration" TEXT NOT NULL DEFAULT 'default';

-- CreateIndex
CREATE INDEX "clerk_webhook_events_registration_status_next_attempt_at_id_idx" ON "clerk_webhook_events"("registration", "status", "next_attempt_at", "id");
