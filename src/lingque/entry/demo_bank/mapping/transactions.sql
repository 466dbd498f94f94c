-- One row per transaction, cut from lines of fixed width.
SELECT _file, _row, transaction_no, customer_no, account_no, booked_on, direction, category, amount, balance
FROM transactions
