-- Uplinks: what carries a physical network may be a bond, or a VLAN of a NIC.
--
-- What is computed from the JSON cannot be changed in place, so the table is made anew. Two physical
-- networks may trade their uplinks in one change, so that each row for itself may be refused for
-- nothing; that no two have the same is checked in memory only.

CREATE TABLE new_physical_network (
    id     TEXT PRIMARY KEY,
    body   TEXT NOT NULL CHECK (id = body ->> 'id'),
    name   TEXT NOT NULL UNIQUE AS (body ->> 'name'),
    role   TEXT NOT NULL AS (body ->> 'role'),
    -- Older rows call it by the one NIC that it was.
    uplink TEXT NOT NULL AS (coalesce(body ->> 'uplink', body ->> 'nic'))
) STRICT, WITHOUT ROWID;

INSERT INTO new_physical_network (id, body) SELECT id, body FROM physical_network;
DROP TABLE physical_network;
ALTER TABLE new_physical_network RENAME TO physical_network;

-- A host has one way to its controller, and one to its disks.
CREATE UNIQUE INDEX physical_network_by_role ON physical_network (role)
    WHERE role IN ('management', 'storage');
