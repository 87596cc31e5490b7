"""The overview: cases by days, area and stratum; live for who may read cases, as published for others."""
