-- One row per friend of a relationship manager, as of the day in the name of the file. A remark holds a surname and a
-- number, and whose number it is, core banking says; who is not found by it is left out.
WITH whose AS (
    SELECT phone, min(customer_no) AS customer_no
    FROM customers
    WHERE phone <> ''
    GROUP BY phone
    HAVING count(DISTINCT customer_no) = 1
)
SELECT
    friends._file, friends._row, friends.external_userid AS friend, whose.customer_no, friends.staff_no,
    regexp_replace(regexp_extract(friends._file, '[0-9]{8}'), '(....)(..)(..)', '\1-\2-\3') AS told_on
FROM friends JOIN whose ON whose.phone = friends.remark_mobile
