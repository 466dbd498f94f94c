-- One row per order; the file gives it no number.
-- Partners know a number by its hash only; of people who are no customers nothing is kept.
WITH whose AS (
    SELECT sha256(phone) AS hash, min(customer_no) AS customer_no
    FROM customers
    WHERE phone <> ''
    GROUP BY phone
    HAVING count(DISTINCT customer_no) = 1
)
SELECT
    orders._file, orders._row,
    orders.member_id || '/' || orders.ordered_on || '/' || orders.goods || '/' || orders.amount AS order_no,
    whose.customer_no, orders.ordered_on, orders.goods, orders.amount
FROM orders JOIN whose ON whose.hash = orders.mobile_sha256
