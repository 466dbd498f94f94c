-- One row per term deposit that was opened.
SELECT _file, _row, deposit_no, customer_no, opened_on, amount, term_months FROM deposits
