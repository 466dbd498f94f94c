-- One row per statement; the CRM gives it no number of its own, so customer, channel, act and day make one.
SELECT
    _file, _row,
    customer_no || '/' || channel || '/' || action || '/' || acted_on AS statement,
    customer_no, acted_on, purpose, channel, data_classes, action, wording_version, evidence
FROM consents
