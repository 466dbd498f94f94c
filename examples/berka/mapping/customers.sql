-- One row per client. `birth_number` is YYMMDD, with 50 added to the month for women.
-- A client is known since the first account that she may dispose of was opened.
-- A region is where it was; the other columns of the district (wages, unemployment, crime) speak of 1995 and later, so
-- nobody knew them on the days that the example looks at: they are not mapped.
-- Addresses do not exist in this data. They are made by a rule: client 17 has client17@berka.example,
-- and whoever's number ends in 9 has none.
WITH first_account AS (
    SELECT disp.client_id, min(account.date) AS opened
    FROM disp JOIN account ON account.account_id = disp.account_id
    GROUP BY disp.client_id
), born AS (
    SELECT *, CAST(substr(birth_number, 3, 2) AS INTEGER) AS month FROM client
)
SELECT
    born._file,
    born._row,
    born.client_id AS client,
    '19' || substr(first_account.opened, 1, 2) || '-' || substr(first_account.opened, 3, 2)
        || '-' || substr(first_account.opened, 5, 2) AS known_since,
    '19' || substr(born.birth_number, 1, 2) || '-' || lpad(CAST(born.month % 50 AS VARCHAR), 2, '0')
        || '-' || substr(born.birth_number, 5, 2) AS birth_date,
    CASE WHEN born.month > 50 THEN 'female' ELSE 'male' END AS gender,
    born.district_id AS district,
    district.A3 AS region,
    CASE WHEN right(born.client_id, 1) <> '9' THEN 'client' || born.client_id || '@berka.example' END AS email
FROM born
LEFT JOIN first_account ON first_account.client_id = born.client_id
LEFT JOIN district ON district.A1 = born.district_id
