-- Row level security as Supabase has it: a transaction puts the claims of the user's token into `request.jwt.claims`, becomes the
-- role `authenticated`, and sees the rows of `auth.jwt() ->> 'sub'`. What Supabase has is left as it is; elsewhere it is made here.
-- Safe to apply again. https://supabase.com/docs/guides/database/postgres/row-level-security (read 2026-11-21)

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN
        CREATE ROLE authenticated NOLOGIN NOINHERIT;
    END IF;
EXCEPTION
    -- Roles are the server's: the migration of another database made it at the same time.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- Whoever migrates may become that role; a service that connects as somebody else needs the same grant. From PostgreSQL 16 on to be a
-- member is not enough.
DO $$
BEGIN
    IF NOT pg_has_role('authenticated', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
        GRANT authenticated TO CURRENT_USER;
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regprocedure('auth.jwt()') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS auth;
        GRANT USAGE ON SCHEMA auth TO authenticated;
        -- Null outside of such a transaction: then no row is anybody's.
        CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE
            AS 'SELECT nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb';
    END IF;
END
$$;

-- Supabase gives every new table to the roles of its API: these get what is said here, and no more.
DO $$
DECLARE
    revocation text;
BEGIN
    FOR revocation IN
        SELECT format('REVOKE ALL ON %s FROM %I', to_regclass(name), rolname)
        FROM unnest(ARRAY[
            'ratings', 'conversations', 'chat_messages', 'assessment_attempts', 'certificates', 'users', 'organizations',
            'organization_memberships', 'subscriptions', 'clerk_webhook_events', 'clerk_sync_runs', '_prisma_migrations'
        ]) AS tables (name), pg_roles
        WHERE to_regclass(name) IS NOT NULL AND rolname IN ('anon', 'authenticated')
    LOOP
        EXECUTE revocation;
    END LOOP;
END
$$;

ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE chat_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE assessment_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE certificates ENABLE ROW LEVEL SECURITY;

-- Who writes is there, and stays until his transaction ends: whoever deletes him waits, and then finds what was written. It asks in
-- the name of its owner, since users may not read `users`, and of nobody but the user of the claims.
CREATE OR REPLACE FUNCTION public.live_claimed_user() RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ''
    AS 'SELECT clerk_id FROM public.users WHERE clerk_id = auth.jwt() ->> ''sub'' AND deleted_at IS NULL FOR SHARE';
REVOKE ALL ON FUNCTION public.live_claimed_user() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.live_claimed_user() TO authenticated;

-- In a SELECT of its own the claim is read once for a statement, not for each row.
DROP POLICY IF EXISTS own ON ratings;
CREATE POLICY own ON ratings TO authenticated
    USING (rater_clerk_id = (SELECT auth.jwt() ->> 'sub'))
    WITH CHECK (rater_clerk_id = (SELECT live_claimed_user()));

DROP POLICY IF EXISTS own ON conversations;
CREATE POLICY own ON conversations TO authenticated
    USING (clerk_user_id = (SELECT auth.jwt() ->> 'sub'))
    WITH CHECK (clerk_user_id = (SELECT live_claimed_user()));

DROP POLICY IF EXISTS own ON chat_messages;
CREATE POLICY own ON chat_messages TO authenticated
    USING (clerk_user_id = (SELECT auth.jwt() ->> 'sub'))
    WITH CHECK (clerk_user_id = (SELECT live_claimed_user()));

DROP POLICY IF EXISTS own ON assessment_attempts;
CREATE POLICY own ON assessment_attempts FOR SELECT TO authenticated
    USING (clerk_user_id = (SELECT auth.jwt() ->> 'sub'));

DROP POLICY IF EXISTS own ON certificates;
CREATE POLICY own ON certificates FOR SELECT TO authenticated
    USING (clerk_user_id = (SELECT auth.jwt() ->> 'sub'));

-- Last: psql commits statement by statement, and nobody may see a table before its policy is there.
GRANT USAGE ON SCHEMA public TO authenticated;
GRANT SELECT, INSERT, UPDATE ON ratings TO authenticated;
GRANT SELECT, INSERT ON conversations, chat_messages TO authenticated;
-- Results are the service's to write.
GRANT SELECT ON assessment_attempts, certificates TO authenticated;
