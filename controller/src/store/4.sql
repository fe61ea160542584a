-- Routers, which join networks of one tenant.

CREATE TABLE router (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT NOT NULL AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name      TEXT NOT NULL AS (body ->> 'name'),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- A network has one router at most.
CREATE TABLE router_network (
    network_id TEXT PRIMARY KEY REFERENCES network DEFERRABLE INITIALLY DEFERRED,
    router_id  TEXT NOT NULL REFERENCES router ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX router_network_by_router ON router_network (router_id);
CREATE TRIGGER router_joins AFTER INSERT ON router BEGIN
    INSERT INTO router_network SELECT value, new.id FROM json_each(new.body, '$.network_ids');
END;
CREATE TRIGGER router_joins_others AFTER UPDATE ON router BEGIN
    DELETE FROM router_network WHERE router_id = new.id;
    INSERT INTO router_network SELECT value, new.id FROM json_each(new.body, '$.network_ids');
END;
