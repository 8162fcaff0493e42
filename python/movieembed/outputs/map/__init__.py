"""Maps of the items: a layout in the plane, a page to explore it, a picture to print."""
