-- name: outcomes_by_arm
-- for: how many customers of a plan were drawn into each arm, and for how many the outcome came true
SELECT decided.arm, count(*) AS units, count(*) FILTER (WHERE labels.outcome) AS successes
FROM (SELECT DISTINCT customer_id, arm FROM decisions WHERE plan = $plan AND arm <> 'none') AS decided
LEFT JOIN labels ON labels.customer_id = decided.customer_id
GROUP BY decided.arm;

-- name: money_of_contacts
-- for: what the contacts of a plan cost, and what their conversions would be worth, in minor units
SELECT CAST(COALESCE(sum(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(sum(margin), 0) AS BIGINT) AS margin
FROM decisions WHERE plan = $plan AND arm = 'contact';

-- name: refusals
-- for: candidates refused by reason; a candidate with several reasons counts under each
SELECT reason, count(*) AS candidates
FROM (SELECT unnest(reasons) AS reason FROM decisions WHERE plan = $plan) AS listed
GROUP BY reason ORDER BY candidates DESC, reason;
