"""Reports made for print: of a week, and of one alert."""
