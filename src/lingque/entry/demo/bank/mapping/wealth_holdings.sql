-- One row per holding; it lasts until it is redeemed.
SELECT _file, _row, holding_no, customer_no, product_code, amount, bought_on, redeemed_on FROM holdings
