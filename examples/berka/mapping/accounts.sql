-- One row per account, with its owner. POPLATEK MESICNE: statement every month, TYDNE: every week, PO OBRATU: after
-- each transaction.
SELECT
    account._file,
    account._row,
    account.account_id AS account,
    disp.client_id AS owner,
    '19' || substr(account.date, 1, 2) || '-' || substr(account.date, 3, 2) || '-' || substr(account.date, 5, 2)
        AS opened_on,
    CASE account.frequency
        WHEN 'POPLATEK MESICNE' THEN 'monthly'
        WHEN 'POPLATEK TYDNE' THEN 'weekly'
        WHEN 'POPLATEK PO OBRATU' THEN 'per_transaction'
        ELSE account.frequency
    END AS statement
FROM account JOIN disp ON disp.account_id = account.account_id AND disp.type = 'OWNER'
