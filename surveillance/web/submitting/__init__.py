"""What the pages for handing in records show: an upload before it is sent, and a form for one record."""
