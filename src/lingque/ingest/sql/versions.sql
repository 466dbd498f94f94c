-- name: state_before
-- for: per key what was known to hold before the day: of its versions the last one
SELECT * EXCLUDE (_place) FROM (
    SELECT *, row_number() OVER (PARTITION BY _key ORDER BY valid_from DESC, known_at DESC) AS _place
    FROM _stored WHERE data_date < $day
) AS placed WHERE _place = 1;

-- name: told_by_full
-- for: what a delivery of everything that holds says: what is new or changed, and what is gone
SELECT told._key, told._held, told.customer_id, told.bucket, told.valid_from AS own_from, FALSE AS ended
FROM _delivered AS told LEFT JOIN _before ON _before._key = told._key
WHERE _before._key IS NULL OR _before.ended OR _before._held IS DISTINCT FROM told._held
UNION ALL
SELECT _before._key, _before._held, _before.customer_id, _before.bucket, $starts AS own_from, TRUE AS ended
FROM _before LEFT JOIN _delivered ON _delivered._key = _before._key
WHERE _delivered._key IS NULL AND NOT _before.ended;

-- name: told_by_delta
-- for: what a delivery of changes says, as it says it
SELECT _key, _held, customer_id, bucket, valid_from AS own_from, ended FROM _delivered;

-- name: chain_of_day
-- for: per key that the day speaks of: the state before it, and what the day says
SELECT
    _before.data_date, $starts AS starts_at, _before._key, _before._held, _before.customer_id, _before.bucket,
    _before.valid_from AS own_from, _before.ended, TRUE AS is_before
FROM _before JOIN _told ON _told._key = _before._key
UNION ALL
SELECT
    $day AS data_date, $starts AS starts_at, _told._key, _told._held, _told.customer_id, _told.bucket,
    _told.own_from, _told.ended, FALSE AS is_before
FROM _told;

-- name: touched_keys
-- for: keys of which the day, delivered late or again, now says something else than before
SELECT DISTINCT _key FROM (
    (SELECT _key, _held, ended, valid_from, known_at FROM _versions
     EXCEPT SELECT _key, _held, ended, valid_from, known_at FROM _stored WHERE data_date = $day)
    UNION ALL
    (SELECT _key, _held, ended, valid_from, known_at FROM _stored WHERE data_date = $day
     EXCEPT SELECT _key, _held, ended, valid_from, known_at FROM _versions)
) AS differing;

-- name: state_after
-- for: what the next full delivery left as the state of those keys; it holds on, whatever the late day says
SELECT * EXCLUDE (_place) FROM (
    SELECT
        _stored.*,
        row_number() OVER (PARTITION BY _stored._key ORDER BY _stored.valid_from DESC, _stored.known_at DESC) AS _place
    FROM _stored JOIN _touched ON _touched._key = _stored._key
    WHERE _stored.data_date <= $next_day
) AS placed WHERE _place = 1;

-- name: began
-- for: when the touched keys began, as far as any version says; one that begins with its day may have begun before
SELECT _stored._key, min(_stored.valid_from) AS began_at
FROM _stored JOIN _touched ON _touched._key = _stored._key GROUP BY _stored._key;

-- name: chain_of_touched
-- for: per touched key everything from the state before the day to its last version
SELECT
    _before.data_date, $starts AS starts_at, _before._key, _before._held, _before.customer_id, _before.bucket,
    _before.valid_from AS own_from, _before.ended, TRUE AS is_before
FROM _before JOIN _touched ON _touched._key = _before._key
UNION ALL
SELECT
    $day AS data_date, $starts AS starts_at, _told._key, _told._held, _told.customer_id, _told.bucket,
    _told.own_from, _told.ended, FALSE AS is_before
FROM _told JOIN _touched ON _touched._key = _told._key
UNION ALL
SELECT
    $next_day AS data_date, $next_starts AS starts_at, _after._key, _after._held, _after.customer_id, _after.bucket,
    CASE WHEN _after.valid_from = $next_starts THEN _began.began_at ELSE _after.valid_from END AS own_from,
    _after.ended, FALSE AS is_before
FROM _after JOIN _began ON _began._key = _after._key WHERE $is_full
UNION ALL
SELECT
    $next_day AS data_date, $next_starts AS starts_at, _told._key, _told._held, _told.customer_id, _told.bucket,
    $next_starts AS own_from, TRUE AS ended, FALSE AS is_before
FROM _told JOIN _touched ON _touched._key = _told._key LEFT JOIN _after ON _after._key = _told._key
WHERE $is_full AND _after._key IS NULL
UNION ALL
SELECT
    _stored.data_date, _days.starts_at, _stored._key, _stored._held, _stored.customer_id, _stored.bucket,
    CASE WHEN _stored.valid_from = _days.starts_at THEN _began.began_at ELSE _stored.valid_from END AS own_from,
    _stored.ended, FALSE AS is_before
FROM _stored
JOIN _began ON _began._key = _stored._key
JOIN _days ON _days.data_date = _stored.data_date
WHERE _stored.data_date > $day AND NOT ($is_full AND _stored.data_date = $next_day);

-- name: rewritten_days
-- for: the later slices that change: those that say something of a touched key now, and those that did
SELECT data_date FROM _rewritten
UNION
SELECT _stored.data_date FROM _stored JOIN _touched ON _touched._key = _stored._key WHERE _stored.data_date > $day;

-- name: versions
-- for: the versions that a chain of states makes: one where something changed, valid from no earlier than the one before
SELECT
    kept.data_date, kept._key, kept._held, kept.customer_id, kept.bucket, kept.ended, kept.valid_from, kept.is_before,
    _moments.known_at
FROM (
    SELECT
        changed.*,
        CASE WHEN _position = 1 THEN LEAST(own_from, starts_at) ELSE starts_at END AS told_at,
        max(CASE WHEN _position = 1 THEN own_from ELSE GREATEST(own_from, starts_at) END)
            OVER (PARTITION BY _key ORDER BY data_date ROWS UNBOUNDED PRECEDING) AS valid_from
    FROM (
        SELECT *, row_number() OVER (PARTITION BY _key ORDER BY data_date) AS _position
        FROM (
            SELECT
                _chain.*,
                lag(ended) OVER (PARTITION BY _key ORDER BY data_date) AS _had_ended,
                lag(_held) OVER (PARTITION BY _key ORDER BY data_date) AS _held_before
            FROM _chain
        ) AS compared
        WHERE is_before OR NOT $is_full
            OR (_had_ended IS NULL AND NOT ended)
            OR (_had_ended IS NOT NULL AND ended <> _had_ended)
            OR (_had_ended IS NOT NULL AND NOT ended AND _held IS DISTINCT FROM _held_before)
    ) AS changed
) AS kept
JOIN _moments ON _moments.instant = kept.told_at;

-- name: versions_of_history
-- for: the bank's own intervals as versions, and where one ends and none follows, its end
SELECT _key, _held, customer_id, bucket, FALSE AS ended, valid_from FROM _delivered
UNION ALL
SELECT told._key, told._held, told.customer_id, told.bucket, TRUE AS ended, told.valid_to AS valid_from
FROM _delivered AS told
LEFT JOIN _delivered AS following ON following._key = told._key AND following.valid_from = told.valid_to
WHERE told.valid_to IS NOT NULL AND following._key IS NULL;
