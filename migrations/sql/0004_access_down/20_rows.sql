-- History stays hidden from those for whom somebody wrote policies on it.
DO $$
DECLARE
    history regclass;
BEGIN
    FOR history IN
        SELECT p.polrelid::regclass FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
        WHERE p.polname = 'fsdb_versions' AND c.relnamespace = 'fsdb_history'::regnamespace
    LOOP
        EXECUTE pg_catalog.format('DROP POLICY fsdb_versions ON %s', history);
        PERFORM FROM pg_catalog.pg_policy p WHERE p.polrelid = history;
        IF NOT FOUND THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', history);
        END IF;
    END LOOP;
END
$$;
DROP FUNCTION fsdb.policies_bind(text);
DROP FUNCTION fsdb.sees_all_versions(text);
DROP FUNCTION fsdb.all_versions(regclass, text, text);
DROP FUNCTION fsdb.policy_of_history(regclass, boolean);
