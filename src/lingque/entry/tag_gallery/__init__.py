"""All tags of a bank on one page, with what each means and how its values are spread.

In: the catalog and the newest snapshot's statistics; no customer's row is read. Out: a folder with a page in each
language and a drawing of each tag's lineage. Always: the pages need no network and run no script; equal catalogs and
statistics give equal bytes; a value that fewer than five sampled customers have is named nowhere.
"""
