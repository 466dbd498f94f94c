-- One row per standing order. SIPO: household, POJISTNE: insurance. The file has no dates, so an order counts as one of
-- the account since it was opened, which is a rule of the example and not a fact.
-- UVER pays a loan back: of the orders so marked 682 are those of the 682 loans, which came later than the account.
-- They would tell as of any day who was going to take a loan, so they are left out.
SELECT
    orders._file,
    orders._row,
    orders.order_id AS "order",
    disp.client_id AS owner,
    orders.account_id AS account,
    '19' || substr(account.date, 1, 2) || '-' || substr(account.date, 3, 2) || '-' || substr(account.date, 5, 2)
        AS since,
    CASE trim(orders.k_symbol)
        WHEN 'SIPO' THEN 'household' WHEN 'POJISTNE' THEN 'insurance' WHEN 'LEASING' THEN 'leasing'
    END AS kind,
    orders.amount
FROM orders
JOIN disp ON disp.account_id = orders.account_id AND disp.type = 'OWNER'
JOIN account ON account.account_id = orders.account_id
WHERE trim(orders.k_symbol) <> 'UVER'
