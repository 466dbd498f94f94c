-- One row per event in the app. "at" is a word of the language, so it stands in quotes.
SELECT _file, _row, event_id, customer_no, "at" AS happened_at, event FROM events
