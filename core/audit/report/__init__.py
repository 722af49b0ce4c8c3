"""The report of an audit: one page, one PDF and one workbook."""
