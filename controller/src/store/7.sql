-- Security groups and address groups. Which ports are in a group stands in the ports, which group a
-- rule names in the group: both as lists within the JSON, checked by the controller alone.

CREATE TABLE address_group (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT NOT NULL AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name      TEXT NOT NULL AS (body ->> 'name'),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE security_group (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT NOT NULL AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name      TEXT NOT NULL AS (body ->> 'name'),
    number    INTEGER NOT NULL UNIQUE AS (body ->> 'number'),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- As with networks, numbers are never used again.
CREATE TABLE last_security_group_number (value INTEGER NOT NULL) STRICT;
INSERT INTO last_security_group_number VALUES (0);
CREATE TRIGGER security_group_numbered AFTER INSERT ON security_group BEGIN
    UPDATE last_security_group_number SET value = max(value, new.number);
END;

-- Tenants of before get the group that new ones are made with, and their ports are in it: all that
-- they could do they still can, among themselves.
CREATE TEMP TABLE fresh AS
SELECT id AS tenant_id, body ->> 'created_at' AS created_at,
       row_number() OVER (ORDER BY id) AS number,
       lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
             || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))) AS id,
       lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
             || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))) AS within_id,
       lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
             || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))) AS out_id
FROM tenant;

INSERT INTO security_group (id, body)
SELECT id, json_object(
    'id', id, 'tenant_id', tenant_id, 'name', 'default', 'number', number, 'tracking', 'stateful',
    'rules', json_array(
        json_object('id', within_id, 'direction', 'ingress', 'protocol', 'any',
                    'remote_group_id', id, 'logged', json('false')),
        json_object('id', out_id, 'direction', 'egress', 'protocol', 'any',
                    'logged', json('false'))),
    'created_at', created_at)
FROM fresh;

UPDATE port SET body = json_set(body, '$.security_group_ids', json_array(
    (SELECT fresh.id FROM fresh WHERE fresh.tenant_id = port.tenant_id)));

DROP TABLE fresh;
