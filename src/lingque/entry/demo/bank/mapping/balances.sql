-- One row per span of days in which an account closed with the same balance.
SELECT _file, _row, account_no AS balance_of, customer_no, account_no, balance, start_date, end_date FROM balances
