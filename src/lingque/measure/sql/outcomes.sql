-- name: considered
-- for: what the decision log says of a plan
SELECT customer_id, channel, offer, arm, reasons, margin, cost FROM decisions WHERE plan = $plan;

-- name: considered_in_phase
-- for: what the decision log says of one phase of a plan
SELECT customer_id, channel, offer, arm, reasons, margin, cost FROM decisions WHERE plan = $plan AND phase = $phase;

-- name: drawn
-- for: who was drawn into which arm: of each channel and offer, and of the plan as a whole (both empty)
SELECT DISTINCT customer_id, channel, offer, arm FROM considered WHERE arm <> 'none'
UNION ALL
SELECT DISTINCT customer_id, '' AS channel, '' AS offer, arm FROM considered WHERE arm <> 'none';

-- name: proportions
-- for: customers by channel, offer and arm, and for how many the outcome came true; without a label it did not
SELECT drawn.channel, drawn.offer, drawn.arm, count(*) AS units, count(*) FILTER (WHERE labels.outcome) AS successes
FROM drawn LEFT JOIN labels ON labels.customer_id = drawn.customer_id
GROUP BY drawn.channel, drawn.offer, drawn.arm;

-- name: moments
-- for: customers by arm, the sum of the outcome and of its squares, exactly; without a label it is 0
SELECT drawn.arm, count(*) AS units,
  COALESCE(sum(CAST(labels.outcome AS DECIMAL(19, 0))), 0) AS total,
  COALESCE(sum(CAST(labels.outcome AS DECIMAL(19, 0)) * CAST(labels.outcome AS DECIMAL(19, 0))), 0) AS squares
FROM drawn LEFT JOIN labels ON labels.customer_id = drawn.customer_id
WHERE drawn.channel = '' AND drawn.offer = ''
GROUP BY drawn.arm;

-- name: money_of_contacts
-- for: by channel and offer, how many contacts, what they cost by plan and what they would earn if all converted, in minor units
SELECT channel, offer, count(*) AS contacts,
  CAST(sum(cost) AS BIGINT) AS cost, CAST(sum(margin) AS BIGINT) AS margin
FROM considered WHERE arm = 'contact'
GROUP BY channel, offer;

-- name: refusals
-- for: candidates refused by reason; a candidate with several reasons counts under each
SELECT reason, count(*) AS candidates
FROM (SELECT unnest(reasons) AS reason FROM considered) AS listed
GROUP BY reason ORDER BY candidates DESC, reason;
