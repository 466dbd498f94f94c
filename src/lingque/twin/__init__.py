"""The simulated bank: a Chinese retail bank in a box whose truth is known.

In: `TwinParameters`. Out: extract files as a bank's systems would deliver them, answers of customers to a
message, and the truth beside both (`Twin.dirt`, `Twin.true_effect`).

Always holds:

- everything is a pure function of the parameters: equal parameters give equal bytes, in any process;
- every balance adds up to the fen after every clean transaction, and none is below zero;
- whether a customer opens a deposit depends on whether *that* customer was reached and on nobody else;
- all people, addresses (`.example`) and account numbers are made up.

Imports only `lingque.core`; knows nothing of campaigns, contacts or permits.
"""
