-- name: snapshot
-- for: the tags of one day, as they were published
SELECT * FROM customer_tags WHERE as_of = $as_of;

-- name: customer
-- for: the tags of one customer on one day
SELECT * FROM customer_tags WHERE as_of = $as_of AND bucket = $bucket AND customer_id = $customer_id;
