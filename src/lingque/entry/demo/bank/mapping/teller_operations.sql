-- One row per operation at a machine; its card belongs to an account, and the account to a customer.
WITH whose AS (
    SELECT DISTINCT cards.machine_key, accounts.customer_no
    FROM cards JOIN accounts ON accounts.account_no = cards.account_no
)
SELECT
    operations._file, operations._row,
    operations.machine_key || '/' || operations.done_at || '/' || operations.operation AS operation_no,
    whose.customer_no, operations.done_at, operations.operation, operations.branch_code
FROM operations LEFT JOIN whose ON whose.machine_key = operations.machine_key
