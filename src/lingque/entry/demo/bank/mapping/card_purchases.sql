-- One row per purchase; the file gives it no number, so card, moment and merchant make one.
-- Whoever is no customer by telephone and date of birth, or more than one, is left out until identities are resolved.
WITH whose AS (
    SELECT holders.cardholder_id, min(customers.customer_no) AS customer_no
    FROM holders JOIN customers ON customers.phone = holders.mobile AND customers.birth_date = holders.birth_date
    GROUP BY holders.cardholder_id
    HAVING count(DISTINCT customers.customer_no) = 1
), carried AS (
    SELECT DISTINCT cards.card_no, whose.customer_no
    FROM cards JOIN whose ON whose.cardholder_id = cards.cardholder_id
)
SELECT
    purchases._file, purchases._row,
    purchases.card_no || '/' || purchases.booked_at || '/' || purchases.merchant AS purchase,
    carried.customer_no, purchases.booked_at,
    CASE purchases.merchant_code
        WHEN '5411' THEN 'groceries'
        WHEN '5812' THEN 'dining'
        WHEN '5311' THEN 'online_shopping'
        WHEN '5651' THEN 'clothing'
        WHEN '5732' THEN 'electronics'
        WHEN '7832' THEN 'entertainment'
        WHEN '4722' THEN 'travel'
        ELSE 'other'
    END AS category,
    purchases.amount
FROM purchases JOIN carried ON carried.card_no = purchases.card_no
