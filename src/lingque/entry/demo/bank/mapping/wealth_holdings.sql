-- One row per holding; it lasts until it is redeemed. The wealth system has a key of its own; whose it is, core banking
-- says.
SELECT
    holdings._file, holdings._row, holdings.holding_no, links.customer_no, holdings.product_code, holdings.amount,
    holdings.bought_on, holdings.redeemed_on
FROM holdings LEFT JOIN links ON links.system = 'wealth' AND links.key = holdings.client_no
