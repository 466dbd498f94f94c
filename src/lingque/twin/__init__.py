"""The simulated bank: a Chinese retail bank in a box whose truth is known.

In: `TwinParameters`, and later the contacts that were sent. Out: extract files as a bank's systems would deliver them,
what becomes of the contacts and what customers do with their money, and the truth beside all of it.

The way inside: traits (`population`) and dated `life` events → `needs` (`arising`) → what customers mean to do
(`behaviour`, `loans`, `cards`, `placements`) → what is booked (`ledger`) → what systems deliver (`systems`), cut into
files (`deliveries`, `landing`). All of that belongs to one block of customers (`part`); a bank in memory joins its
parts (`bank`), a bank on disk writes them one after the other (`making`). `responding` answers contacts. Always holds:

- everything is a pure function of the parameters and the contacts: equal ones give equal bytes, in any process, with
  any number of workers;
- every balance adds up to the fen after every clean transaction, and none is below zero;
- what a customer does depends on the contacts sent to *that* customer and on nobody else's;
- all people, addresses (`.example`), telephone numbers (no mobile number begins with 100), account numbers and
  merchants are made up.

Imports only `lingque.core`; knows nothing of campaigns, permits or the platform's ids.
"""
