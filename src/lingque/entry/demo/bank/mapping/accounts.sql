-- One row per account.
SELECT _file, _row, account_no, customer_no, kind, opened_on FROM accounts
