-- One row per member of staff; the name stays in the CRM, the platform needs the number only.
SELECT _file, _row, staff_no AS employee, staff_no, role, branch_code, '2000-01-01' AS since FROM staff
