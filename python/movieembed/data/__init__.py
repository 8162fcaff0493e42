"""From files and tables to likes: who liked what, with the ids of both.

Ratings go one way, each module knowing only those before it:

=====================================  =============================================================
``column_names``, ``times``            what columns are called; times of any form as numbers
``delimited_text``, ``number_file``    text to tables and columns
``other_layouts``, ``where``           lists, blocks and JSON to columns; rows by conditions
``download``, ``movielens``, ``demo``  data sets: theirs, and one that is drawn
``ids``, ``frames``                    ids in one form; columns out of data frames of any kind
``rating_columns``                     which columns are user, item, rating and time
``ratings``                            columns to rows of numbered users and items
``likes_matrix``                       rows to the matrix: duplicates and the threshold are decided
``from_ratings``, ``likes``            all of that in one call, and its result, `Likes`
``items``, ``title_keys``              an item by id or title
``distributed``                        the same on the workers of a cluster
=====================================  =============================================================
"""
