"""Files of a scan: cases, locations, controls and population, as tables or as SaTScan has them."""
