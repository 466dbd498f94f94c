-- One row per sum that was taken from an account; the file gives it no number.
SELECT
    repayments._file, repayments._row,
    repayments.account_no || '/' || repayments.paid_on || '/' || repayments.amount AS repayment,
    accounts.customer_no, repayments.paid_on, repayments.amount
FROM repayments LEFT JOIN (SELECT DISTINCT account_no, customer_no FROM accounts) AS accounts
    ON accounts.account_no = repayments.account_no
