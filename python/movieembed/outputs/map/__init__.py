"""Maps of the items: their layout in the plane, a page to explore it, a picture to print."""
