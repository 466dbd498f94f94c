-- The newest assessment of each customer is the one that counts. The file gives the first day on which it no longer
-- holds; the contract, the last on which it does. Whose a key of the wealth system is,
-- core banking says.
SELECT
    assessments._file, assessments._row, links.customer_no AS assessment, links.customer_no, assessments.grade,
    CAST(TRY_CAST(assessments.expires_on AS DATE) - 1 AS VARCHAR) AS expires_on, assessments.assessed_on
FROM assessments LEFT JOIN links ON links.system = 'wealth' AND links.key = assessments.client_no
