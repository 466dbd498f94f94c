-- One row per holding, on the day on which it was bought, by the customer whose key of the wealth system it stands under,
-- with what sort of product it is.
SELECT
    holdings._file, holdings._row, holdings.holding_no AS purchase, links.customer_no, holdings.bought_on, holdings.amount,
    CASE holdings.product_code
        WHEN 'WM1A' THEN 'cash'
        WHEN 'WM2A' THEN 'fixed_income'
        WHEN 'WM3A' THEN 'fixed_income_plus'
        WHEN 'WM4A' THEN 'mixed'
        WHEN 'WM5A' THEN 'equity'
    END AS category
FROM holdings LEFT JOIN links ON links.system = 'wealth' AND links.key = holdings.client_no
