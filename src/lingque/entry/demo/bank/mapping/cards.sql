-- One row per card; the card system knows its holders by its own key.
-- Whoever is no customer by telephone and date of birth, or more than one, is left out until identities are resolved.
WITH whose AS (
    SELECT holders.cardholder_id, min(customers.customer_no) AS customer_no
    FROM holders JOIN customers ON customers.phone = holders.mobile AND customers.birth_date = holders.birth_date
    GROUP BY holders.cardholder_id
    HAVING count(DISTINCT customers.customer_no) = 1
)
SELECT cards._file, cards._row, cards.card_no, whose.customer_no, cards.credit_limit, cards.issued_on
FROM cards JOIN whose ON whose.cardholder_id = cards.cardholder_id
