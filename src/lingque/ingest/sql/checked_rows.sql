-- name: keys_of_two_contents
-- for: keys that stand for two different rows; none of these rows can be believed
SELECT _identity FROM _suspects GROUP BY _identity HAVING count(DISTINCT _content) > 1;

-- name: clashing_rows
-- for: the rows of such keys
SELECT _suspects._id FROM _suspects JOIN _clash ON _clash._identity = _suspects._identity;

-- name: repeated_rows
-- for: rows that stand in the delivery a second time, word for word
SELECT _id FROM (
    SELECT
        _suspects._id,
        row_number() OVER (PARTITION BY _suspects._identity ORDER BY _suspects._file, _suspects._row) AS _occurrence
    FROM _suspects LEFT JOIN _clash ON _clash._identity = _suspects._identity
    WHERE _clash._identity IS NULL
) AS numbered WHERE _occurrence > 1;

-- name: overlapping_rows
-- for: intervals that another of their key overlaps
SELECT _id FROM (
    SELECT
        _id, _begins, _ends,
        lead(_begins) OVER (PARTITION BY _key ORDER BY _begins) AS _next_begins,
        max(_ends) OVER (PARTITION BY _key ORDER BY _begins ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _ended
    FROM _intervals
) AS neighbours WHERE _next_begins < _ends OR _ended > _begins;

-- name: faulty_rows
-- for: rows that broke a rule which only the whole delivery shows, each with the numbers of those rules
SELECT _id, list(_number ORDER BY _number) AS _numbers FROM _faults GROUP BY _id;

-- name: good_rows
-- for: what is accepted, once per key
SELECT _typed.* FROM _typed LEFT JOIN _dropped ON _dropped._id = _typed.rowid
WHERE _typed._broken IS NULL AND _dropped._id IS NULL;

-- name: counts
-- for: how many rows were read, are repeated, are bad
SELECT
    (SELECT count(*) FROM _typed) AS read_rows,
    (SELECT count(*) FROM _repeats) AS repeated_rows,
    (SELECT count(*) FROM _bad) AS quarantined_rows;
