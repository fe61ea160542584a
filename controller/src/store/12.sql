-- Events: what happened, numbered for good. Those of a change are written in its own transaction.
--
-- Routine is what goes on all day, such as changes; the rest is what operators are told, and is kept longer.

CREATE TABLE event (
    id      INTEGER PRIMARY KEY,
    routine INTEGER NOT NULL CHECK (routine IN (0, 1)),
    body    TEXT NOT NULL CHECK (id = body ->> 'id')
) STRICT;
CREATE INDEX event_told ON event (id) WHERE routine = 0;
