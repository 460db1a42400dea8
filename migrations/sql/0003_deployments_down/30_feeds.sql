DROP TABLE fsdb.deployment_feeds;
