-- Ways of routers to external networks, and floating IPs. Whose an address of an external network is
-- stands in three places: with ports, with gateways for each of their hosts, and with floating IPs.

CREATE TABLE gateway (
    id         TEXT PRIMARY KEY,
    body       TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id  TEXT NOT NULL AS (body ->> 'tenant_id')
               REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    router_id  TEXT NOT NULL UNIQUE AS (body ->> 'router_id')
               REFERENCES router DEFERRABLE INITIALLY DEFERRED,
    network_id TEXT NOT NULL AS (body ->> 'network_id')
               REFERENCES network DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE TABLE floating_ip (
    id         TEXT PRIMARY KEY,
    body       TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id  TEXT NOT NULL AS (body ->> 'tenant_id')
               REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    network_id TEXT NOT NULL AS (body ->> 'network_id')
               REFERENCES network DEFERRABLE INITIALLY DEFERRED,
    address    TEXT NOT NULL AS (body ->> 'address'),
    port_id    TEXT AS (body ->> '$.bound.port_id')
               REFERENCES port DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (network_id, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX floating_ip_by_port ON floating_ip (port_id);
