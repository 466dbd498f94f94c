-- One row per customer; the file already has the contract's columns.
SELECT
    _file, _row,
    customer_no, name, phone, email, birth_date, gender, city, occupation, branch_code,
    opened_on AS customer_since, opened_on
FROM customers
