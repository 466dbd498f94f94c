-- One row per holding, on the day on which it was bought, with what sort of product it is.
SELECT
    _file, _row, holding_no AS purchase, customer_no, bought_on, amount,
    CASE product_code
        WHEN 'WM1A' THEN 'cash'
        WHEN 'WM2A' THEN 'fixed_income'
        WHEN 'WM3A' THEN 'fixed_income_plus'
        WHEN 'WM4A' THEN 'mixed'
        WHEN 'WM5A' THEN 'equity'
    END AS category
FROM holdings
