-- One row per customer; the file already has the contract's columns.
SELECT _file, _row, customer_no, name, email, birth_date, city, opened_on FROM customers
