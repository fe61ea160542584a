-- Reserved addresses, and ports whose addresses change.

CREATE TABLE reservation (
    id         TEXT PRIMARY KEY,
    body       TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id  TEXT NOT NULL AS (body ->> 'tenant_id')
               REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    network_id TEXT NOT NULL AS (body ->> 'network_id')
               REFERENCES network DEFERRABLE INITIALLY DEFERRED,
    name       TEXT AS (body ->> 'name'),
    addresses  TEXT NOT NULL AS (body ->> 'addresses'),
    UNIQUE (tenant_id, name),
    UNIQUE (network_id, addresses)
) STRICT, WITHOUT ROWID;

-- What is in port_address follows the port. Most updates of a port bind it to a host and leave its
-- addresses alone.
CREATE TRIGGER port_readdressed AFTER UPDATE ON port
WHEN old.body ->> '$.addresses' IS NOT new.body ->> '$.addresses' BEGIN
    DELETE FROM port_address WHERE port_id = new.id;
    INSERT INTO port_address
    SELECT new.network_id, value, new.id FROM json_each(new.body, '$.addresses');
END;
