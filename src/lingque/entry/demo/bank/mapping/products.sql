-- One row per product and rate; a rate holds until the next one begins.
SELECT
    _file, _row,
    product_code, name, regime, risk_grade, annual_rate, valid_from AS rate_from,
    lead(valid_from) OVER (PARTITION BY product_code ORDER BY valid_from) AS rate_to
FROM products
