-- name: current_versions
-- for: per key the version that holds at the last moment before a day: the latest of those known, unless it is the end
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY _key ORDER BY valid_from DESC, known_at DESC, row_key DESC) AS _rank
    FROM _versions WHERE valid_from < $moment AND known_at <= $known_by
) AS ranked
WHERE _rank = 1 AND NOT COALESCE(ended, FALSE);

-- name: present
-- for: whose latest version before a moment is not the end, perhaps named twice; only of those who ended it is looked up
SELECT _key FROM _versions
WHERE valid_from < $moment AND known_at <= $known_by AND _key NOT IN (
    SELECT _key FROM (
        SELECT _key, ended, row_number() OVER (PARTITION BY _key ORDER BY valid_from DESC, known_at DESC, row_key DESC) AS _rank
        FROM _versions
        WHERE valid_from < $moment AND known_at <= $known_by AND _key IN (SELECT _key FROM _versions WHERE ended)
    ) AS ranked
    WHERE _rank = 1 AND ended
);

-- name: intervals
-- for: per key the spans of time through which its versions held; of two from one moment on, the one known later
SELECT * FROM (
    SELECT *, lead(valid_from) OVER (PARTITION BY _key ORDER BY valid_from) AS held_until
    FROM (
        SELECT *, row_number() OVER (PARTITION BY _key, valid_from ORDER BY known_at DESC, row_key DESC) AS _rank
        FROM _versions WHERE known_at <= $known_by
    ) AS ranked
    WHERE _rank = 1
) AS spans
WHERE NOT COALESCE(ended, FALSE);
