"""What the pages show, for programs: the models of the answers, GeoJSON, and the description of it all."""
