-- One row per deposit; its money is bound until the day on which it matures.
SELECT
    _file, _row,
    deposit_no, customer_no, product_code, amount, maturity_date, annual_rate, opened_on, maturity_date AS ends_on
FROM deposits
