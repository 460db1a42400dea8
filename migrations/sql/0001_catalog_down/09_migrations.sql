DROP TABLE fsdb.catalog_migrations;
