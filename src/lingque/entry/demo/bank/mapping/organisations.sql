-- One row per place of the bank; the file does not say since when.
SELECT _file, _row, org_code AS place, org_code, name, level, parent_code, '2000-01-01' AS since FROM organisations
