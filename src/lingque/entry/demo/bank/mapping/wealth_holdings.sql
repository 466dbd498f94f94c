-- One row per holding; it lasts until it is redeemed. The wealth system has a key of its own; whose it is, core banking
-- says. The code of a product says its risk grade: WM3A has grade 3.
SELECT
    holdings._file, holdings._row, holdings.holding_no, links.customer_no, holdings.product_code,
    substr(holdings.product_code, 3, 1) AS risk_grade, holdings.amount, holdings.bought_on, holdings.redeemed_on
FROM holdings LEFT JOIN links ON links.system = 'wealth' AND links.key = holdings.client_no
