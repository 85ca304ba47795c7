"""Tables that people send as files: CSV as spreadsheets write it, and workbooks (XLSX), through one reader."""
