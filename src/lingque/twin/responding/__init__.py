"""How customers answer what the bank says to them, with the truth of it.

In: traits of customers and their needs, and the contacts that the bank sends. Out: what became of every contact, who
bought what and when, and what they would have bought without. Always holds:

- a customer's answers are a function of the seed, of that customer and of the contacts sent to that customer: nobody
  else's contacts change them, nor how customers are cut into blocks;
- nothing depends on what comes later: the answers to a longer history begin with the answers to its beginning;
- chance is drawn once for every customer and need, so that with and without contact differ by the contact alone.

A customer buys where there is a need (`occasions`), with a probability that is theirs (`dispositions`) and that the
contacts they took notice of (`hearing`) raise or lower (`model`). Past campaigns (`past`) chose whom they asked by
something that no file holds and that makes customers buy as well.
"""
