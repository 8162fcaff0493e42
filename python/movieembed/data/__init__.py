"""From files and tables to likes: who liked what, with the ids of both."""
