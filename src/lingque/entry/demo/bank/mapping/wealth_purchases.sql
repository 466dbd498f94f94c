-- One row per holding, on the day on which it was bought.
SELECT _file, _row, holding_no AS purchase, customer_no, bought_on, amount FROM holdings
