-- One row per mandate, as of the day in the name of the file: who is paid by whom, and what is taken by which bill.
WITH told AS (
    SELECT _file, _row, account_no, 'payroll' AS kind, employer_no AS employer FROM payroll
    UNION ALL
    SELECT _file, _row, account_no, kind, NULL AS employer FROM debits
)
SELECT
    told._file, told._row, told.account_no || '/' || told.kind AS mandate, accounts.customer_no, told.kind, told.employer,
    regexp_replace(regexp_extract(told._file, '[0-9]{8}'), '(....)(..)(..)', '\1-\2-\3') AS told_on
FROM told LEFT JOIN (SELECT DISTINCT account_no, customer_no FROM accounts) AS accounts
    ON accounts.account_no = told.account_no
