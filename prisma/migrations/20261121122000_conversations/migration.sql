-- One statement, so that it is one transaction by `psql -f` as well. A message that is written meanwhile is in time, or refused.
DO $$
BEGIN
    LOCK TABLE "chat_messages" IN ACCESS EXCLUSIVE MODE;

    CREATE TABLE "conversations" (
        "id" UUID NOT NULL DEFAULT gen_random_uuid(),
        "clerk_user_id" TEXT NOT NULL,
        "title" TEXT NOT NULL,
        "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

        CONSTRAINT "conversations_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "conversations_title_check" CHECK (char_length("title") <= 80)
    );

    CREATE INDEX "conversations_clerk_user_id_created_at_id_idx" ON "conversations"("clerk_user_id", "created_at", "id");

    CREATE UNIQUE INDEX "conversations_id_clerk_user_id_key" ON "conversations"("id", "clerk_user_id");

    -- Supabase gives a new table to the roles of its API: shut from the first row on, until the policies are there.
    ALTER TABLE "conversations" ENABLE ROW LEVEL SECURITY;
    ALTER TABLE "chat_messages" ENABLE ROW LEVEL SECURITY;

    -- Of nobody who is there: they should have gone with their user.
    DELETE FROM "chat_messages" m
    WHERE NOT EXISTS (SELECT FROM "users" u WHERE u."id" = m."user_id" AND u."deleted_at" IS NULL);

    -- What a user said so far becomes one conversation, as old as its first message.
    INSERT INTO "conversations" ("clerk_user_id", "title", "created_at")
    SELECT DISTINCT ON (u."clerk_id") u."clerk_id", left(m."content", 80), m."created_at"
    FROM "chat_messages" m JOIN "users" u ON u."id" = m."user_id"
    ORDER BY u."clerk_id", m."created_at", m."role" DESC;

    ALTER TABLE "chat_messages" ADD COLUMN     "clerk_user_id" TEXT,
    ADD COLUMN     "conversation_id" UUID;

    UPDATE "chat_messages" m SET "clerk_user_id" = c."clerk_user_id", "conversation_id" = c."id"
    FROM "conversations" c JOIN "users" u ON u."clerk_id" = c."clerk_user_id"
    WHERE u."id" = m."user_id";

    DROP INDEX "chat_messages_user_id_created_at_idx";

    ALTER TABLE "chat_messages" DROP COLUMN "user_id",
    ALTER COLUMN "clerk_user_id" SET NOT NULL,
    ALTER COLUMN "conversation_id" SET NOT NULL,
    ADD CONSTRAINT "chat_messages_role_check" CHECK ("role" IN ('user', 'assistant')),
    ADD CONSTRAINT "chat_messages_content_check" CHECK (char_length("content") <= 100000);

    CREATE INDEX "chat_messages_conversation_id_created_at_id_idx" ON "chat_messages"("conversation_id", "created_at", "id");

    CREATE INDEX "chat_messages_clerk_user_id_created_at_idx" ON "chat_messages"("clerk_user_id", "created_at");

    ALTER TABLE "chat_messages" ADD CONSTRAINT "chat_messages_conversation_id_clerk_user_id_fkey" FOREIGN KEY ("conversation_id", "clerk_user_id") REFERENCES "conversations"("id", "clerk_user_id") ON DELETE CASCADE ON UPDATE CASCADE;
END
$$;
