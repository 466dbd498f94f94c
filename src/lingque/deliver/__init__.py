"""From a queued message to a receipt.

In: contacts' messages, written in the transaction that decided them, and the receipts that come back. Out: deliveries
with a known fate. Always: leave is asked again for each message just before it goes; one message has one key for ever;
a send whose fate is unknown is repeated only to a receiver that honours the key; handing over is not sending.
"""
