"""Groups of pages, one module each: `add_to(app, house)` adds its routes."""
