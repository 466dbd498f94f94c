-- One row per loan that still runs, as of the day in the name of the file.
-- Whoever is no customer by telephone and date of birth, or more than one, is left out until identities are resolved.
WITH whose AS (
    SELECT borrowers.borrower_id, min(customers.customer_no) AS customer_no
    FROM borrowers JOIN customers ON customers.phone = borrowers.mobile AND customers.birth_date = borrowers.birth_date
    GROUP BY borrowers.borrower_id
    HAVING count(DISTINCT customers.customer_no) = 1
)
SELECT
    loans._file, loans._row, loans.loan_no, whose.customer_no, loans.kind, loans.amount, loans.outstanding,
    loans.installment, loans.annual_rate, loans.opened_on AS lent_on,
    regexp_replace(regexp_extract(loans._file, '[0-9]{8}'), '(....)(..)(..)', '\1-\2-\3') AS told_on
FROM loans JOIN whose ON whose.borrower_id = loans.borrower_id
WHERE loans.outstanding <> '0.00'
