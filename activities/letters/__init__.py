"""Printable letters of a case and the application form: worded by city templates, set by typst, printed on demand."""
