-- name: days
-- for: the distinct days that place rows in time, to be turned into instants by the business calendar
SELECT DISTINCT _day AS day FROM timed WHERE _day IS NOT NULL;

-- name: keys_of_two_contents
-- for: keys that stand for two different rows; none of these rows can be believed
SELECT _key FROM placed WHERE len(_broken) = 0 GROUP BY _key HAVING count(DISTINCT _content) > 1;

-- name: judged
-- for: every row with its verdict: broken rules, clashing key, repeated row, or good
SELECT
    placed.*,
    clash._key IS NOT NULL AS _clashes,
    row_number() OVER (PARTITION BY placed._key, len(placed._broken) = 0 ORDER BY _file, _row) AS _occurrence
FROM placed LEFT JOIN clash ON clash._key = placed._key;

-- name: counts
-- for: how many rows were read, are good, are repeated, are bad
SELECT
    count(*) AS read_rows,
    count(*) FILTER (WHERE len(_broken) = 0 AND NOT _clashes AND _occurrence = 1) AS accepted_rows,
    count(*) FILTER (WHERE len(_broken) = 0 AND NOT _clashes AND _occurrence > 1) AS repeated_rows,
    count(*) FILTER (WHERE len(_broken) > 0 OR _clashes) AS quarantined_rows
FROM judged;

-- name: bad_rows
-- for: what goes to the quarantine, in the order of the files
SELECT _file, _row, _broken, len(_broken) = 0 AND _clashes AS _clashes, _content
FROM judged WHERE len(_broken) > 0 OR _clashes ORDER BY _file, _row;

-- name: good_rows
-- for: what is accepted, once per key
SELECT * FROM judged WHERE len(_broken) = 0 AND NOT _clashes AND _occurrence = 1;
