-- DropIndex
DROP INDEX "clerk_webhook_events_registration_status_next_attempt_at_id_idx";

-- AlterTable
ALTER TABLE "clerk_webhook_events" ADD COLUMN     "payload_since" TIMESTAMPTZ(3),
ADD COLUMN     "starts" INTEGER NOT NULL DEFAULT 0;

-- CreateIndex
CREATE INDEX "clerk_webhook_events_registration_status_starts_next_attemp_idx" ON "clerk_webhook_events"("registration", "status", "starts", "next_attempt_at", "id");

-- CreateIndex
CREATE INDEX "clerk_webhook_events_registration_received_at_idx" ON "clerk_webhook_events"("registration", "received_at");

-- CreateIndex
CREATE INDEX "clerk_webhook_events_registration_payload_since_idx" ON "clerk_webhook_events"("registration", "payload_since");

-- What is kept already is kept from when it came.
UPDATE "clerk_webhook_events" SET "payload_since" = "received_at" WHERE "payload" IS NOT NULL;
