-- name: log
-- for: the decision log; a row of before conversions had costs tells none
SELECT * REPLACE (COALESCE(conversion_cost, 0) AS conversion_cost, COALESCE(expected_loss, 0) AS expected_loss)
FROM decisions;

-- name: log_without_costs
-- for: the same of a log all of which was written before
SELECT *, CAST(0 AS BIGINT) AS conversion_cost, CAST(0 AS BIGINT) AS expected_loss FROM decisions;

-- name: considered
-- for: what the decision log says of a plan
SELECT customer_id, channel, offer, arm, reasons, margin, conversion_cost, expected_loss, cost
FROM log WHERE plan = $plan;

-- name: considered_in_phase
-- for: what the decision log says of one phase of a plan
SELECT customer_id, channel, offer, arm, reasons, margin, conversion_cost, expected_loss, cost
FROM log WHERE plan = $plan AND phase = $phase;

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
-- for: by channel and offer, how many contacts, what they cost by plan, what they would earn if all converted, and what the conversions cost, in minor units
SELECT considered.channel, considered.offer, count(*) AS contacts,
  CAST(sum(considered.cost) AS BIGINT) AS cost,
  CAST(sum(considered.margin - considered.expected_loss) AS BIGINT) AS margin,
  CAST(COALESCE(sum(considered.conversion_cost) FILTER (WHERE labels.outcome), 0) AS BIGINT) AS conversion_cost
FROM considered LEFT JOIN labels ON labels.customer_id = considered.customer_id
WHERE considered.arm = 'contact'
GROUP BY considered.channel, considered.offer;

-- name: refusals
-- for: candidates refused by reason; a candidate with several reasons counts under each
SELECT reason, count(*) AS candidates
FROM (SELECT unnest(reasons) AS reason FROM considered) AS listed
GROUP BY reason ORDER BY candidates DESC, reason;
