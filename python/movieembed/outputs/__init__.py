"""What leaves the library: files for other tools, maps, plots, reports, search indexes."""
