-- One row per card, for whoever holds it: owners and others who may dispose of the account.
SELECT
    card._file,
    card._row,
    card.card_id AS card,
    disp.client_id AS owner,
    '19' || substr(card.issued, 1, 2) || '-' || substr(card.issued, 3, 2) || '-' || substr(card.issued, 5, 2)
        AS issued_on,
    card.type AS kind
FROM card JOIN disp ON disp.disp_id = card.disp_id
