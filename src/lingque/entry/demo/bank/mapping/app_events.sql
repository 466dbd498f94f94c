-- One row per event in the app.
SELECT _file, _row, event_id, customer_no, at, event FROM events
