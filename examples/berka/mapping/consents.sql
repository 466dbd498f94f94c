-- Consents do not exist in this data. They are made by a rule, from the last digit d of the client's number:
--   d = 0…6  agreed to marketing by e-mail, d = 0…5 also to the use of financial data for it; d = 7, 8, 9 never did;
--   of those who agreed, whoever's number ends in 03, 23, 43, 63 or 83 withdrew half a year later.
WITH digits AS (
    SELECT _file, _row, client_id, CAST(right(client_id, 1) AS INTEGER) AS d, CAST(client_id AS INTEGER) AS n FROM client
), statements AS (
    SELECT _file, _row, client_id, 'give' AS action, '1993-06-01' AS acted_on,
        CASE WHEN d < 6 THEN 'personal|financial' ELSE 'personal' END AS data_classes
    FROM digits WHERE d < 7
    UNION ALL
    SELECT _file, _row, client_id, 'withdraw', '1993-12-01', NULL
    FROM digits WHERE n % 20 = 3
)
SELECT
    _file,
    _row,
    client_id || '/' || action AS statement,
    client_id AS client,
    acted_on,
    'marketing' AS purpose,
    'email' AS channel,
    data_classes,
    action,
    'example-1' AS wording_version,
    'made by the example' AS evidence
FROM statements
