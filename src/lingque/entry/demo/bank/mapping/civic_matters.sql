-- One row per matter that was done.
-- Partners know a number by its hash only; of people who are no customers nothing is kept.
WITH whose AS (
    SELECT sha256(phone) AS hash, min(customer_no) AS customer_no
    FROM customers
    WHERE phone <> ''
    GROUP BY phone
    HAVING count(DISTINCT customer_no) = 1
)
SELECT
    matters._file, matters._row, matters.person_no || '/' || matters.done_on || '/' || matters.matter AS matter_no,
    whose.customer_no, matters.done_on, matters.matter
FROM matters JOIN whose ON whose.hash = matters.mobile_sha256
