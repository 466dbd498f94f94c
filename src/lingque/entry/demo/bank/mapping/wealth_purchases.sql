-- One row per holding, on the day on which it was bought, by the customer whose key of the wealth system it stands under.
SELECT
    holdings._file, holdings._row, holdings.holding_no AS purchase, links.customer_no, holdings.bought_on, holdings.amount
FROM holdings LEFT JOIN links ON links.system = 'wealth' AND links.key = holdings.client_no
