-- CreateTable
CREATE TABLE "assessment_attempts" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "assessment" TEXT NOT NULL,
    "user_id" UUID,
    "clerk_user_id" TEXT,
    "correct" INTEGER NOT NULL,
    "total" INTEGER NOT NULL,
    "is_passed" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "assessment_attempts_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "assessment_attempts_correct_check" CHECK ("correct" BETWEEN 0 AND "total")
);

-- CreateTable
CREATE TABLE "certificates" (
    "code" TEXT NOT NULL,
    "assessment" TEXT NOT NULL,
    "user_id" UUID,
    "clerk_user_id" TEXT,
    "holder_name" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "certificates_pkey" PRIMARY KEY ("code")
);

-- CreateIndex
CREATE INDEX "assessment_attempts_clerk_user_id_created_at_id_idx" ON "assessment_attempts"("clerk_user_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "certificates_clerk_user_id_assessment_key" ON "certificates"("clerk_user_id", "assessment");
