-- Ports of floating IPs that stand for ports of VIFs.

CREATE TABLE port_forwarding (
    id             TEXT PRIMARY KEY,
    body           TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id      TEXT NOT NULL AS (body ->> 'tenant_id')
                   REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    floating_ip_id TEXT NOT NULL AS (body ->> 'floating_ip_id')
                   REFERENCES floating_ip DEFERRABLE INITIALLY DEFERRED,
    port_id        TEXT NOT NULL AS (body ->> 'port_id')
                   REFERENCES port DEFERRABLE INITIALLY DEFERRED,
    protocol       TEXT NOT NULL AS (body ->> 'protocol'),
    external_port  INTEGER NOT NULL AS (body ->> 'external_port'),
    port_address   TEXT NOT NULL AS (body ->> 'port_address'),
    internal_port  INTEGER NOT NULL AS (body ->> 'internal_port'),
    UNIQUE (floating_ip_id, protocol, external_port),
    UNIQUE (port_id, protocol, port_address, internal_port)
) STRICT, WITHOUT ROWID;
