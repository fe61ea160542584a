-- Tokens: the digest of each secret, never the secret.

CREATE TABLE access_token (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name      TEXT NOT NULL AS (body ->> 'name'),
    digest    TEXT NOT NULL UNIQUE AS (body ->> 'digest'),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;
