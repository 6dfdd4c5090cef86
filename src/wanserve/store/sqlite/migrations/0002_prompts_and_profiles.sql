-- Whether the prompt may be rewritten, what was drawn instead of it, and what the engine traded for speed or memory.

ALTER TABLE tasks ADD COLUMN prompt_extend INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN profile TEXT;
ALTER TABLE tasks ADD COLUMN actual_prompt TEXT;
