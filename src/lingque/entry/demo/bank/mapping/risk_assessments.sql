-- The newest assessment of each customer is the one that counts.
SELECT _file, _row, customer_no AS assessment, customer_no, grade, expires_on, assessed_on FROM assessments
