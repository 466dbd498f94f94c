-- One row per device on which a customer logged in.
SELECT _file, _row, device_id AS device, customer_no, first_seen_on FROM devices
