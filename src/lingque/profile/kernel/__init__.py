"""The tag kernel: from the definitions of a table's tags one function, which walks each customer's rows once.

plan       which tags a kernel can compute, and which go together into one
row_code   the text of what is asked of one row
measuring  the text of what is kept while walking
choosing   which of that stands side by side in arrays, because a row goes to one of several places
settling   the text of a tag's value at the border of its window
source     the text of the whole function
compiled   text to machine code, kept on disk by its digest
columns    Arrow columns as the arrays that the function reads
segments   whose rows are where, in the order of time
walking    rows in, tags out: the one function for a bucket, a batch of a cluster, and a single customer
"""
