-- Caps, each with how it stands: what bounds ports because a cap was reached is as durable as the cap.

CREATE TABLE cap (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT NOT NULL AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    port_id   TEXT AS (body ->> 'port_id')
              REFERENCES port DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX cap_by_tenant ON cap (tenant_id);
CREATE INDEX cap_by_port ON cap (port_id);
