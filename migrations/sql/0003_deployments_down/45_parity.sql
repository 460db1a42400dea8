DROP TABLE fsdb.parity_reports;
