-- One row per visit; neither the patient's number nor the name is kept.
-- Partners know a number by its hash only; of people who are no customers nothing is kept.
WITH whose AS (
    SELECT sha256(phone) AS hash, min(customer_no) AS customer_no
    FROM customers
    WHERE phone <> ''
    GROUP BY phone
    HAVING count(DISTINCT customer_no) = 1
)
SELECT
    visits._file, visits._row, visits.patient_no || '/' || visits.seen_on AS visit,
    whose.customer_no, visits.seen_on, visits.department
FROM visits JOIN whose ON whose.hash = visits.mobile_sha256
