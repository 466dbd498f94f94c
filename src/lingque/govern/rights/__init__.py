"""What customers may ask of the bank (PIPL art. 44–50, GDPR art. 15–22): a queue with deadlines, states and proof.

In: requests. Out: what was done, as a certificate. Always: a request has an end, and a reason where it was not granted.
"""
