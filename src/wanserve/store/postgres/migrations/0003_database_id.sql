-- Tells this database from every other one, also after it was copied or moved: no two may delete files in one bucket.
CREATE TABLE database_id (id text NOT NULL);
INSERT INTO database_id VALUES (replace(gen_random_uuid()::text, '-', ''));
