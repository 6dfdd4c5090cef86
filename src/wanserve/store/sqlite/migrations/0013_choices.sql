-- What a request chose of how its model is sampled, as a JSON object; NULL where it chose nothing.
ALTER TABLE tasks ADD COLUMN chosen TEXT;
ALTER TABLE ledger ADD COLUMN chosen TEXT;

-- What of that changes how long an attempt takes; '' where nothing does.
ALTER TABLE stage_times ADD COLUMN pace TEXT NOT NULL DEFAULT '';
DROP INDEX stage_times_of_a_kind;
CREATE INDEX stage_times_of_a_kind ON stage_times (model, width, height, frames, device, pace);
