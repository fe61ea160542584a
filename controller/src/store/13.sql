-- History: every change chained to the one before it by SHA-256, and found by what it touched.
--
-- The hashes of records that there are already are written after this, by the program.

ALTER TABLE audit ADD COLUMN tenant_id TEXT;
ALTER TABLE audit ADD COLUMN source TEXT;
ALTER TABLE audit ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
CREATE INDEX audit_by_actor ON audit (actor);

-- Digests of tokens' secrets are nobody's to read.
UPDATE audit SET objects = (
    SELECT json_group_array(json_remove(value, '$.before.digest', '$.after.digest'))
    FROM json_each(audit.objects))
WHERE EXISTS (SELECT 1 FROM json_each(audit.objects) WHERE value ->> 'noun' = 'access_token');

-- Which objects a change touched, and whose they are.
CREATE TABLE audit_object (
    revision  INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    noun      TEXT NOT NULL,
    tenant_id TEXT,
    PRIMARY KEY (revision, object_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_object_by_object ON audit_object (object_id, revision);
CREATE INDEX audit_object_by_tenant ON audit_object (tenant_id, revision);
INSERT OR IGNORE INTO audit_object
SELECT revision, value ->> 'id', value ->> 'noun',
       CASE value ->> 'noun'
           WHEN 'tenant' THEN value ->> 'id'
           ELSE coalesce(value ->> '$.after.tenant_id', value ->> '$.before.tenant_id')
       END
FROM audit, json_each(audit.objects);
