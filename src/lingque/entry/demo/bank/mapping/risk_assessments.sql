-- The newest assessment of each customer is the one that counts. The file gives the first day on which it no longer
-- holds; the contract, the last on which it does.
SELECT
    _file, _row, customer_no AS assessment, customer_no, grade,
    CAST(TRY_CAST(expires_on AS DATE) - 1 AS VARCHAR) AS expires_on, assessed_on
FROM assessments
