-- The first layout of the store.
--
-- Every noun has one table: its id and its JSON form. The columns that must be unique, or that
-- refer to others, are computed from the JSON, so they cannot disagree with it. The controller
-- checks all of this in memory before it writes; these constraints are the second net.

CREATE TABLE tenant (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (id = body ->> 'id'),
    name TEXT NOT NULL UNIQUE AS (body ->> 'name')
) STRICT, WITHOUT ROWID;

CREATE TABLE physical_network (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (id = body ->> 'id'),
    name TEXT NOT NULL UNIQUE AS (body ->> 'name'),
    nic  TEXT NOT NULL UNIQUE AS (body ->> 'nic')
) STRICT, WITHOUT ROWID;

CREATE TABLE host (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (id = body ->> 'id'),
    name TEXT NOT NULL UNIQUE AS (body ->> 'name')
) STRICT, WITHOUT ROWID;

CREATE TABLE network (
    id                  TEXT PRIMARY KEY,
    body                TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id           TEXT NOT NULL AS (body ->> 'tenant_id')
                        REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name                TEXT NOT NULL AS (body ->> 'name'),
    number              INTEGER NOT NULL UNIQUE AS (body ->> 'number'),
    physical_network_id TEXT NOT NULL AS (body ->> 'physical_network_id')
                        REFERENCES physical_network DEFERRABLE INITIALLY DEFERRED,
    vlan                INTEGER NOT NULL CHECK (vlan BETWEEN 1 AND 4094) AS (body ->> 'vlan'),
    UNIQUE (tenant_id, name),
    UNIQUE (physical_network_id, vlan)
) STRICT, WITHOUT ROWID;

-- Numbers of networks are never used again: flows of a deleted network may outlive it.
CREATE TABLE last_network_number (value INTEGER NOT NULL) STRICT;
INSERT INTO last_network_number VALUES (0);
CREATE TRIGGER network_numbered AFTER INSERT ON network BEGIN
    UPDATE last_network_number SET value = max(value, new.number);
END;

CREATE TABLE subnet (
    id         TEXT PRIMARY KEY,
    body       TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id  TEXT NOT NULL AS (body ->> 'tenant_id')
               REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    network_id TEXT NOT NULL AS (body ->> 'network_id')
               REFERENCES network DEFERRABLE INITIALLY DEFERRED,
    name       TEXT AS (body ->> 'name'),
    cidr       TEXT NOT NULL AS (body ->> 'cidr'),
    UNIQUE (tenant_id, name),
    UNIQUE (network_id, cidr)
) STRICT, WITHOUT ROWID;

CREATE TABLE port (
    id          TEXT PRIMARY KEY,
    body        TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id   TEXT NOT NULL AS (body ->> 'tenant_id')
                REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    network_id  TEXT NOT NULL AS (body ->> 'network_id')
                REFERENCES network DEFERRABLE INITIALLY DEFERRED,
    name        TEXT AS (body ->> 'name'),
    mac         TEXT NOT NULL AS (body ->> 'mac'),
    host_id     TEXT AS (body ->> 'host_id')
                REFERENCES host DEFERRABLE INITIALLY DEFERRED,
    instance_id TEXT AS (body ->> 'instance_id')
                REFERENCES instance DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (tenant_id, name),
    UNIQUE (network_id, mac)
) STRICT, WITHOUT ROWID;
CREATE INDEX port_by_host ON port (host_id);
CREATE INDEX port_by_instance ON port (instance_id);

-- A port's addresses never change, so they are written when the port is.
CREATE TABLE port_address (
    network_id TEXT NOT NULL,
    address    TEXT NOT NULL,
    port_id    TEXT NOT NULL REFERENCES port ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (network_id, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX port_address_by_port ON port_address (port_id);
CREATE TRIGGER port_addressed AFTER INSERT ON port BEGIN
    INSERT INTO port_address
    SELECT new.network_id, value, new.id FROM json_each(new.body, '$.addresses');
END;

CREATE TABLE instance (
    id        TEXT PRIMARY KEY,
    body      TEXT NOT NULL CHECK (id = body ->> 'id'),
    tenant_id TEXT NOT NULL AS (body ->> 'tenant_id')
              REFERENCES tenant DEFERRABLE INITIALLY DEFERRED,
    name      TEXT NOT NULL AS (body ->> 'name'),
    host_id   TEXT NOT NULL AS (body ->> 'host_id')
              REFERENCES host DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_by_host ON instance (host_id);

-- A port serves one instance at most, and an instance's ports never change.
CREATE TABLE instance_port (
    port_id     TEXT PRIMARY KEY REFERENCES port DEFERRABLE INITIALLY DEFERRED,
    instance_id TEXT NOT NULL REFERENCES instance ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_port_by_instance ON instance_port (instance_id);
CREATE TRIGGER instance_plugged AFTER INSERT ON instance BEGIN
    INSERT INTO instance_port SELECT value, new.id FROM json_each(new.body, '$.port_ids');
END;

-- One row per change, in the change's own transaction. The revision is the change's number.
CREATE TABLE audit (
    revision   INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    actor      TEXT NOT NULL,
    request_id TEXT NOT NULL,
    verb       TEXT NOT NULL,
    objects    TEXT NOT NULL CHECK (json_valid(objects))
) STRICT;

-- What was created under which Idempotency-Key, so that asking again gives the same object.
CREATE TABLE idempotency (
    revision    INTEGER PRIMARY KEY,
    at          TEXT NOT NULL,
    actor       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer      TEXT NOT NULL CHECK (json_valid(answer)),
    UNIQUE (actor, key)
) STRICT;
