-- name: population
-- for: every customer known by the moment, whichever of the customer's parties it is known through
SELECT DISTINCT COALESCE(links.customer_id, parties.party_id) AS customer_id
FROM parties LEFT JOIN links ON links.party_id = parties.party_id
WHERE parties.valid_from < $moment AND parties.valid_to >= $moment AND parties.known_at <= $moment;

-- name: snapshot
-- for: the tags of one day, as they were published
SELECT * FROM customer_tags WHERE as_of = $as_of;
