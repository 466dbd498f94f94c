-- One row per holding; it lasts until it is redeemed. The code of a product says its risk grade: WM3A has grade 3.
SELECT
    _file, _row, holding_no, customer_no, product_code, substr(product_code, 3, 1) AS risk_grade, amount, bought_on,
    redeemed_on
FROM holdings
