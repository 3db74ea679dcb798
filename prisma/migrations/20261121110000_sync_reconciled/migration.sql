-- AlterTable
ALTER TABLE "clerk_sync_runs" ADD COLUMN     "reconciled_to_ms" BIGINT;
