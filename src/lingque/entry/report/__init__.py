"""A campaign's report as one HTML file.

In: a `ReportPage` of plain values (`page`). Out (`html.render`): one self-contained page, in Chinese or English, that
needs no network and runs no script. Always: the same page gives the same bytes; beside every picture stands its table;
what could not be judged is said with its reason.
"""
