-- Tells this database from every other one, also after it was copied or moved: no two may delete files in one bucket.
CREATE TABLE database_id (id TEXT NOT NULL) STRICT;
INSERT INTO database_id VALUES (lower(hex(randomblob(16))));
