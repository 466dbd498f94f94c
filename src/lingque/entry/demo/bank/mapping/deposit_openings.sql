-- One row per deposit, on the day on which it was opened.
SELECT _file, _row, deposit_no AS opening, customer_no, opened_on, amount FROM deposits
