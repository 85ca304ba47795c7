"""PostgreSQL for Lernbatch: the embedded server, the pool of connections, the migrations."""
