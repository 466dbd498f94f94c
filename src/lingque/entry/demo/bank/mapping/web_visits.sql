-- One row per page, cut from a web server's log. A cookie is a customer's once the customer logged in under it.
WITH whose AS (
    SELECT cookie, min(customer_no) AS customer_no
    FROM visits
    WHERE customer_no <> '-'
    GROUP BY cookie
    HAVING count(DISTINCT customer_no) = 1
)
SELECT
    visits._file, visits._row, visits.cookie || '/' || visits.began || ' ' || visits.clock || '/' || visits.request AS visit,
    whose.customer_no,
    substr(visits.began, 2) || ' ' || rtrim(visits.clock, ']') AS visited_at,
    replace(regexp_extract(visits.request, '/([a-z-]+)', 1), '-', '_') AS page
FROM visits JOIN whose ON whose.cookie = visits.cookie
