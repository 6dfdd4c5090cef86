-- What the other dialects can ask for: a visible text in the picture, and a video made after another one.

ALTER TABLE tasks ADD COLUMN watermark INTEGER NOT NULL DEFAULT 0;
-- The id of the task whose size, seed and model this one took over; that task may be gone.
ALTER TABLE tasks ADD COLUMN remixed_from TEXT;
