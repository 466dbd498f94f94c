-- name: population
-- for: every customer known by the moment, whichever of the customer's parties it is known through
SELECT DISTINCT COALESCE(links.customer_id, parties.party_id) AS customer_id
FROM parties LEFT JOIN links ON links.party_id = parties.party_id;

-- name: snapshot
-- for: the tags of one day, as they were published
SELECT * FROM customer_tags WHERE as_of = $as_of;

-- name: customer
-- for: the tags of one customer on one day
SELECT * FROM customer_tags WHERE as_of = $as_of AND bucket = $bucket AND customer_id = $customer_id;
