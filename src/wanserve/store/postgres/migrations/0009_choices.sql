-- What a request chose of how its model is sampled, as a JSON object; NULL where it chose nothing.
ALTER TABLE tasks ADD COLUMN chosen text;
ALTER TABLE ledger ADD COLUMN chosen text;

-- What of that changes how long an attempt takes; '' where nothing does.
ALTER TABLE stage_times ADD COLUMN pace text NOT NULL DEFAULT '';
DROP INDEX stage_times_of_a_kind;
CREATE INDEX stage_times_of_a_kind ON stage_times (model, width, height, frames, device, pace);
