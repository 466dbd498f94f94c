"""The simulated bank: a Chinese retail bank in a box whose truth is known.

In: `TwinParameters`, and later the contacts that arrived. Out: extract files as a bank's systems would deliver them,
what customers do with their money, and the truth beside both (`Twin.dirt`, `Twin.resent`, `Twin.true_effect`).

The story: term deposits mature, and whoever is not won over takes the money elsewhere or leaves it idle. Always holds:

- everything is a pure function of the parameters and the contacts: equal ones give equal bytes, in any process;
- every balance adds up to the fen after every clean transaction, and none is below zero;
- what a customer does depends on the contacts that reached *that* customer and on nobody else's;
- all people, addresses (`.example`), telephone numbers (no mobile number begins with 100) and account numbers are
  made up.

Imports only `lingque.core`; knows nothing of campaigns, permits or the platform's ids.
"""
