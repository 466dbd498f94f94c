-- One row per loan. Its `status` says how the loan ended: known years after it was granted, so it is not mapped here.
SELECT
    loan._file,
    loan._row,
    loan.loan_id AS loan,
    disp.client_id AS owner,
    loan.account_id AS account,
    '19' || substr(loan.date, 1, 2) || '-' || substr(loan.date, 3, 2) || '-' || substr(loan.date, 5, 2) AS granted_on,
    loan.amount,
    loan.duration AS months,
    loan.payments AS payment
FROM loan JOIN disp ON disp.account_id = loan.account_id AND disp.type = 'OWNER'
