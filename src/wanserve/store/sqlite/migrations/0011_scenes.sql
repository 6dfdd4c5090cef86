-- What the engine understood of the prompt, as JSON; NULL where it does not tell.
ALTER TABLE tasks ADD COLUMN scene TEXT;
