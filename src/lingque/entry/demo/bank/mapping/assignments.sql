-- Who looks after a customer from which day on, until somebody else does.
SELECT
    _file, _row,
    customer_no AS assignment, customer_no, staff_no, from_date,
    lead(from_date) OVER (PARTITION BY customer_no ORDER BY from_date) AS to_date
FROM assignments
