-- One row per transaction. PRIJEM is a credit; VYDAJ and VYBER (withdrawal) are debits.
-- The counterparty's account is an identifier of somebody else: it is not mapped. (In that column alone the two
-- extracts differ, for 626 of the transactions that stand in both.)
SELECT
    trans._file,
    trans._row,
    trans.trans_id AS transaction,
    disp.client_id AS owner,
    trans.account_id AS account,
    '19' || substr(trans.date, 1, 2) || '-' || substr(trans.date, 3, 2) || '-' || substr(trans.date, 5, 2) AS booked_on,
    CASE trans.type WHEN 'PRIJEM' THEN 'credit' WHEN 'VYDAJ' THEN 'debit' WHEN 'VYBER' THEN 'debit' ELSE trans.type END
        AS direction,
    CASE trim(trans.k_symbol)
        WHEN 'SIPO' THEN 'household'
        WHEN 'POJISTNE' THEN 'insurance'
        WHEN 'SLUZBY' THEN 'fee'
        WHEN 'UROK' THEN 'interest'
        WHEN 'SANKC. UROK' THEN 'penalty_interest'
        WHEN 'DUCHOD' THEN 'pension'
        WHEN 'UVER' THEN 'loan_payment'
        ELSE trans.k_symbol
    END AS kind,
    trans.amount,
    trans.balance
FROM trans JOIN disp ON disp.account_id = trans.account_id AND disp.type = 'OWNER'
