-- One row per transaction, cut from lines of fixed width.
SELECT
    _file, _row,
    transaction_no, customer_no, account_no,
    substr(booked_on, 1, 4) || '-' || substr(booked_on, 5, 2) || '-' || substr(booked_on, 7, 2) AS booked_on,
    CASE direction WHEN 'C' THEN 'credit' WHEN 'D' THEN 'debit' ELSE direction END AS direction,
    category, amount, balance
FROM transactions
