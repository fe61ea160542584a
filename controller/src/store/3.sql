-- Networks without a tag: one of each physical network at most.
--
-- As in the layout before, the table of networks is made anew.

CREATE TABLE new_network (
    id                  TEXT PRIMARY KEY,
    body                TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id           TEXT NOT NULL AS (body ->> 'tenant_id')
                        REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name                TEXT NOT NULL AS (body ->> 'name'),
    number              INTEGER NOT NULL UNIQUE AS (body ->> 'number'),
    kind                TEXT NOT NULL CHECK (kind IN ('flat', 'vlan', 'vxlan', 'geneve'))
                        AS (body ->> 'kind'),
    physical_network_id TEXT NOT NULL AS (body ->> 'physical_network_id')
                        REFERENCES physical_network DEFERRABLE INITIALLY DEFERRED,
    vlan                INTEGER CHECK (vlan BETWEEN 1 AND 4094) AS (body ->> 'vlan'),
    -- Unique in the pool, whatever the kind.
    vni                 INTEGER UNIQUE CHECK (vni BETWEEN 1 AND 16777215) AS (body ->> 'vni'),
    CHECK ((kind = 'vlan') = (vlan IS NOT NULL)),
    CHECK ((kind IN ('vxlan', 'geneve')) = (vni IS NOT NULL)),
    UNIQUE (tenant_id, name),
    UNIQUE (physical_network_id, vlan)
) STRICT, WITHOUT ROWID;

INSERT INTO new_network (id, body) SELECT id, body FROM network;
DROP TABLE network;
ALTER TABLE new_network RENAME TO network;
CREATE UNIQUE INDEX network_flat ON network (physical_network_id) WHERE kind = 'flat';

-- It went with the old table.
CREATE TRIGGER network_numbered AFTER INSERT ON network BEGIN
    UPDATE last_network_number SET value = max(value, new.number);
END;
